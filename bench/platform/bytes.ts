import { createHash, randomBytes } from "node:crypto";
import { objectKey, openS3Store, type S3Store } from "@cos/objects";
import { TicketKind } from "@cos/proto/gateway";
import { type Digest, uploadHeaders } from "@cos/protocol";
import { startPeer } from "./peer.ts";
import type { Report } from "./report.ts";
import type { Stage } from "./stage.ts";

const mebi = 2 ** 20;
const lanes = 4;

type Thing = { readonly digest: Digest; readonly bytes: Buffer };
type Url = (thing: Thing) => Promise<{ url: string; headers: Record<string, string> }>;

/**
 * Bytes in and out over the gateway's HTTP routes under a ticket, four requests at once, and the same requests to the
 * store itself under presigned URLs.
 */
export async function benchBytes(
  { hospital, parts }: Stage,
  report: Report,
  { mebibytes, repeat }: { mebibytes: number; repeat: number },
): Promise<void> {
  const store = await openS3Store({ url: parts.s3 });
  const { client, account } = hospital;
  const bytesInAll = BigInt(8 * (repeat + 4) * lanes * mebibytes * mebi);
  const transfer = await client.transfers.open(client.session(account), {
    kind: TicketKind.TICKET_KIND_UPLOAD,
    maxBytes: bytesInAll,
  });
  const gateway: Url = async ({ digest }) => ({
    url: `${transfer.baseUrl}/v1/objects/${digest.slice(2)}`,
    headers: { authorization: `Bearer ${transfer.token}` },
  });
  const toStore: Url = async ({ digest, bytes }) => ({
    url: await store.presignPut(objectKey(digest), 600, { digest, sizeBytes: bytes.length }),
    headers: uploadHeaders(digest),
  });
  const pipe = await startPeer("bare-pipe.ts", new URL(parts.s3).origin);
  const throughPipe: Url = async (thing) => {
    const { pathname, search } = new URL((await fromStore(thing)).url);
    return { url: `${pipe.address}${pathname}${search}`, headers: {} };
  };
  const fromStore: Url = async ({ digest }) => ({
    url: await store.presignGet(objectKey(digest), 600),
    headers: {},
  });
  const some = (): Thing[] => Array.from({ length: lanes }, () => thing(mebibytes * mebi));
  // Once before it counts: connections, and code that is compiled when it is hot.
  const warm = some();
  await putAll(warm, gateway);
  await getAll(warm, gateway);
  await getAll(warm, throughPipe);
  await getAll(warm, fromStore);

  const [mine, direct] = [some(), some()];
  const up = await rate(mine, 1, () => putAll(mine, gateway));
  const upDirect = await rate(direct, 1, () => putAll(direct, toStore));
  // Turn about, so that what else runs on the machine meets both alike.
  const times = { gateway: 0, pipe: 0, store: 0 };
  for (let round = 0; round < repeat; round++) {
    times.gateway += await seconds(() => getAll(mine, gateway));
    times.pipe += await seconds(() => getAll(mine, throughPipe));
    times.store += await seconds(() => getAll(mine, fromStore));
  }
  const bytesRead = (repeat * lanes * mebibytes * mebi) / 1e6;
  report.add({
    what: "bytes read through the gateway, in ranges of 8 MiB",
    value: bytesRead / times.gateway,
    unit: "MB/s",
    against: "the same ranges from the store",
    ceiling: bytesRead / times.store,
    aim: "> 0.7",
  });
  report.add({
    what: "bytes read through a bare pipe of Node.js",
    value: bytesRead / times.pipe,
    unit: "MB/s",
    against: "the same ranges from the store",
    ceiling: bytesRead / times.store,
  });
  report.add({
    what: "bytes stored through the gateway",
    value: up,
    unit: "MB/s",
    against: "the same objects put into the store",
    ceiling: upDirect,
  });
  await pipe.stop();
  await drop(store, [...warm, ...mine, ...direct]);
  await store.close();
}

function thing(sizeBytes: number): Thing {
  const bytes = randomBytes(sizeBytes);
  return { digest: `0x${createHash("sha256").update(bytes).digest("hex")}` as Digest, bytes };
}

async function seconds(work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1_000;
}

async function rate(things: readonly Thing[], times: number, work: () => Promise<void>): Promise<number> {
  const bytes = things.reduce((sum, { bytes }) => sum + bytes.length, 0);
  return (times * bytes) / 1e6 / (await seconds(work));
}

async function putAll(things: readonly Thing[], to: Url): Promise<void> {
  await Promise.all(
    things.map(async (thing) => {
      const { url, headers } = await to(thing);
      const body = thing.bytes as Uint8Array<ArrayBuffer>;
      const answer = await fetch(url, { method: "PUT", headers, body });
      if (!answer.ok) throw new Error(`put: HTTP ${answer.status} ${await answer.text()}`);
      await answer.body?.cancel();
    }),
  );
}

const rangeBytes = 8 * mebi;

async function getAll(things: readonly Thing[], from: Url): Promise<void> {
  await Promise.all(
    things.map(async (thing) => {
      const { url, headers } = await from(thing);
      for (let first = 0; first < thing.bytes.length; first += rangeBytes) {
        const last = Math.min(first + rangeBytes, thing.bytes.length) - 1;
        const answer = await fetch(url, { headers: { ...headers, range: `bytes=${first}-${last}` } });
        if (answer.status !== 206) throw new Error(`get: HTTP ${answer.status}`);
        let got = 0;
        for await (const piece of answer.body ?? []) got += piece.length;
        if (got !== last - first + 1) throw new Error(`got ${got} bytes`);
      }
    }),
  );
}

async function drop(store: S3Store, things: readonly Thing[]): Promise<void> {
  for (const { digest } of things) await store.delete(objectKey(digest));
}
