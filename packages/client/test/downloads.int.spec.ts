import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { digestOfBytes } from "@cos/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CosFailure } from "../src/failure.ts";
import { cosHome } from "../src/home/cos-home.ts";
import { ResultFile } from "../src/results/result-file.ts";
import {
  type Answer,
  chunked,
  cutShort,
  honest,
  rangeless,
  serveObject,
  transfersAlone,
} from "./object-server.ts";

const bytes = new Uint8Array(300_000).map((_, i) => (i * 7 + (i >> 9)) % 253);
const digest = digestOfBytes(bytes);
const ref = { digest, sizeBytes: bytes.length };
const half = 150_000;

const transfers = transfersAlone();
let folder: string;
let file: string;
const servers: { close(): Promise<unknown> }[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-download-"));
  file = join(folder, "results", "object");
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  await rm(folder, { recursive: true, force: true });
});

async function serve(...answers: Answer[]) {
  const server = await serveObject(...answers);
  servers.push(server);
  return server;
}
const files = () => readdir(join(folder, "results")).catch(() => []);

/** Downloads into the file and closes it; @returns the progress that was told */
async function download({ transfer }: Awaited<ReturnType<typeof serve>>, want = ref): Promise<number[]> {
  const told: number[] = [];
  const handle = await transfers.downloadTo(transfer, want, file, (have) => told.push(have));
  await handle.close();
  return told;
}

/** The whole file, with nothing beside it, for its owner's eyes. */
async function expectWhole(): Promise<void> {
  expect(await files()).toEqual(["object"]);
  expect(digestOfBytes(await readFile(file))).toBe(digest);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
}

describe("a download into a file", () => {
  it("appears when it is whole", async () => {
    const server = await serve(honest(bytes));
    const told = await download(server);
    await expectWhole();
    expect(told[0]).toBe(0);
    expect(told.at(-1)).toBe(bytes.length);
    expect(server.asked).toEqual([undefined]);
  });

  it("goes on where a connection was lost", async () => {
    const server = await serve(cutShort(bytes, half), cutShort(bytes, 1_000), honest(bytes));
    await download(server);
    await expectWhole();
    expect(server.asked).toEqual([undefined, half, half + 1_000]);
  });

  it("goes on where a process was killed", async () => {
    const server = await serve(cutShort(bytes, half, "still"), honest(bytes));
    const script = fileURLToPath(new URL("./download-until-killed.ts", import.meta.url));
    const args = [script, String(server.port), digest, String(bytes.length), file];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    const gone = once(child, "exit");
    for await (const line of createInterface({ input: child.stdout })) if (Number(line) === half) break;
    child.kill("SIGKILL");
    expect(await gone).toEqual([null, "SIGKILL"]);
    expect(await files()).toEqual(["object.part"]);
    expect((await stat(`${file}.part`)).mode & 0o777).toBe(0o600);

    const told = await download(server);
    await expectWhole();
    expect(told[0]).toBe(half);
    expect(server.asked).toEqual([undefined, half]);
  });

  it("begins anew where the server ignores ranges", async () => {
    const server = await serve(cutShort(bytes, half), rangeless(bytes));
    await download(server);
    await expectWhole();
    expect(server.asked).toEqual([undefined, half]);
  });

  it("keeps what it has when it gives up, for the next run", async () => {
    const away: Answer = (response) => void response.destroy();
    const server = await serve(cutShort(bytes, half), away, away, away, away, honest(bytes));
    await expect(download(server)).rejects.toMatchObject({ kind: "unavailable", code: "TRANSFER_BROKEN" });
    expect(await files()).toEqual(["object.part"]);
    await download(server);
    await expectWhole();
    expect(server.asked.at(-1)).toBe(half);
  });

  it("leaves nothing when it gives up before the first byte", async () => {
    const refused: Answer = (response) => void response.writeHead(403).end("{}");
    await expect(download(await serve(refused))).rejects.toMatchObject({ code: "HTTP_403" });
    expect(await files()).toEqual([]);
  });

  it("refuses a body that is too long before it writes more, and leaves nothing", async () => {
    const long = new Uint8Array(bytes.length + 50_000_000);
    long.set(bytes);
    for (const answer of [honest(long), chunked(long)]) {
      const told: number[] = [];
      const { transfer } = await serve(answer);
      const refused = transfers.downloadTo(transfer, ref, file, (have) => told.push(have));
      await expect(refused).rejects.toMatchObject({
        kind: "integrity",
        code: "LENGTH_MISMATCH",
        facts: { expected: bytes.length },
      });
      expect(Math.max(...told)).toBeLessThanOrEqual(bytes.length);
      expect(await files()).toEqual([]);
    }
  });

  it("refuses other bytes, and a body that ends early, as a download into memory does; nothing is left", async () => {
    const changed = bytes.with(99, bytes[99]! ^ 1);
    for (const other of [changed, bytes.subarray(0, -1)]) {
      const { transfer } = await serve(honest(other));
      const refusal = {
        kind: "integrity",
        code: "DIGEST_MISMATCH",
        facts: { expected: digest, actual: digestOfBytes(other), sizeBytes: other.length },
      };
      await expect(transfers.downloadTo(transfer, ref, file)).rejects.toMatchObject(refusal);
      await expect(transfers.download(transfer, digest)).rejects.toMatchObject(refusal);
      expect(await files()).toEqual([]);
    }
  });

  it("blames nobody for what lay on this disk: a wrong or overlong part is fetched again", async () => {
    await download(await serve(honest(bytes))); // makes the folder
    for (const [left, asked] of [
      [bytes.subarray(0, half).with(3, bytes[3]! ^ 1), [half, undefined]],
      [bytes.with(3, bytes[3]! ^ 1), [undefined]],
      [Buffer.concat([bytes, Buffer.of(0)]), [undefined]],
    ] as const) {
      await rm(file);
      await writeFile(`${file}.part`, left);
      const server = await serve(honest(bytes));
      await download(server);
      await expectWhole();
      expect(server.asked).toEqual(asked);
    }
  });

  it("asks for nothing that is there already", async () => {
    const server = await serve(honest(bytes));
    await download(server);
    expect(await download(server)).toEqual([bytes.length]);
    await expectWhole();
    expect(server.asked).toHaveLength(1);
  });

  it("may run twice at once", async () => {
    const server = await serve(honest(bytes));
    await Promise.all([download(server), download(server)]);
    await expectWhole();
  });

  it("says when the disk takes no file", async () => {
    await writeFile(join(folder, "results"), "a file where a folder should be");
    await expect(download(await serve(honest(bytes)))).rejects.toMatchObject({
      code: "FILE_UNWRITABLE",
      facts: { reason: "EEXIST" },
    });
  });
});

describe("a download into memory", () => {
  it("holds the bytes once, whether their number is announced or not", async () => {
    for (const answer of [honest(bytes), chunked(bytes)]) {
      const told: number[] = [];
      const { transfer } = await serve(answer);
      const got = await transfers.download(transfer, digest, (have) => told.push(have));
      expect(digestOfBytes(got)).toBe(digest);
      expect(got.buffer.byteLength).toBe(bytes.length);
      expect(told.at(-1)).toBe(bytes.length);
    }
  });

  it("goes on where a connection was lost, and begins anew where ranges are ignored", async () => {
    for (const then of [honest(bytes), rangeless(bytes)]) {
      const server = await serve(cutShort(bytes, half), then);
      expect(digestOfBytes(await transfers.download(server.transfer, digest))).toBe(digest);
      expect(server.asked).toEqual([undefined, half]);
    }
  });

  it("believes no announced size that it cannot hold", async () => {
    const boast: Answer = (response) => {
      response.writeHead(200, { "content-length": 10 ** 15 });
      response.write(bytes, () => setImmediate(() => response.destroy()));
    };
    const server = await serve(boast, rangeless(bytes));
    expect(digestOfBytes(await transfers.download(server.transfer, digest))).toBe(digest);
  });
});

describe("a result's file", () => {
  const fetchResult = async (server: Awaited<ReturnType<typeof serve>>) =>
    ResultFile.fetch(transfers, server.transfer, cosHome(folder), ref);
  const name = digest.slice(2);

  it("is read at any place, and ends where it ends", async () => {
    const result = await fetchResult(await serve(honest(bytes)));
    expect(result.sizeBytes).toBe(bytes.length);
    expect(await result.read(half, 10)).toEqual(bytes.slice(half, half + 10));
    expect(await result.read(bytes.length - 3, 10)).toEqual(bytes.slice(-3));
    expect(await result.read(bytes.length + 3, 10)).toEqual(new Uint8Array());
    await result.close();
  });

  it("is left for the next run by a failure, unless its bytes were refused", async () => {
    const server = await serve(honest(bytes));
    await (await fetchResult(server)).endAfter(new CosFailure("refused", "WRONG_PASSPHRASE", "it is wrong"));
    expect(await files()).toEqual([name]);
    await (await fetchResult(server)).endAfter(
      new CosFailure("integrity", "RESULT_TRANSPARENT", "a forgery"),
    );
    expect(await files()).toEqual([]);
    expect(server.asked).toHaveLength(1);
  });

  it("is deleted when it is closed, once and for all", async () => {
    const result = await fetchResult(await serve(honest(bytes)));
    await result.close();
    await result.close();
    expect(await files()).toEqual([]);
    await expect(result.read(0, 1)).rejects.toThrow();
  });
});
