import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { objectKey } from "@cos/objects";
import type { TaskSpec } from "@cos/programs";
import { madeUpEntry, madeUpList, reduceSpec, taskId } from "@cos/programs/made-up-partials";
import { asDigest, type Digest, digestOfBytes, digestOfJson } from "@cos/protocol";
import { afterEach, expect, it } from "vitest";
import { Decision } from "./orchestrator-stand-in.ts";
import { hex, workerScene } from "./worker-scene.ts";

const scene = workerScene(); // its workers keep half a MiB of partial results: more is reduced in parts
const { startWorker, queue, lag, put, read } = scene;

const spec: TaskSpec = {
  ...reduceSpec,
  task: { ...reduceSpec.task, index: 2, inputs: [0, 1] } as TaskSpec["task"],
};
const entry = (run: number, residue: number) => madeUpEntry(0, run, 0, BigInt(residue));

// Runs 0 to 19 and 19 to 38, of 25,600 bytes each: a MiB in all. Run 19 is in both: 100 + 50.
const numbers = Array.from({ length: 20 }, (_, i) => i);
const first = madeUpList(
  digestOfJson("a"),
  numbers.map((i) => entry(i, i === 19 ? 100 : 1)),
);
const second = madeUpList(
  digestOfJson("b"),
  numbers.map((i) => entry(19 + i, i === 0 ? 50 : 2)),
);
const result = madeUpList(taskId, [
  ...numbers.slice(0, 19).map((i) => entry(i, 1)),
  entry(19, 150),
  ...numbers.slice(1).map((i) => entry(19 + i, 2)),
]);

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});
async function serve(answer: Parameters<typeof createServer>[1]): Promise<string> {
  const server = createServer(answer as never);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Gives the worker the reduce task; `urlOf` says where an input is read, where that is not the store. */
async function queueReduce(urlOf: (digest: Digest) => string | undefined = () => undefined): Promise<void> {
  const inputs = await Promise.all(
    [first, second].map(async (bytes) => {
      const digest = await put(bytes);
      const url = urlOf(digest) ?? (await scene.objects.presignGet(objectKey(digest), 60));
      return { digest: Buffer.from(digest.slice(2), "hex"), url, sizeBytes: BigInt(bytes.length) };
    }),
  );
  scene.script.begin = async () => ({
    decision: Decision.DECISION_RUN,
    fence: 1n,
    taskJson: JSON.stringify(spec),
    inputs,
  });
  await startWorker();
  await queue(taskId);
}

it("stores the result of partial results that it does not keep, and says how much it read", async () => {
  await queueReduce();
  await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  const [done] = scene.orchestrator.told.completed;
  expect(hex(done!.outputDigest)).toBe(digestOfBytes(result));
  expect(Buffer.compare(await read(asDigest(hex(done!.outputDigest))), result)).toBe(0);
  // Everything once, every ciphertext twice more, and the two that are added up once more.
  expect(done!.bytesRead).toBe(BigInt(first.length + second.length + (2 * 40 + 2) * 25_600));
  await expect.poll(lag).toBe(0);
}, 180_000);

it("sends it from the beginning again when the store breaks off", async () => {
  const received: Buffer[][] = [];
  const url = await serve((request, response) => {
    const pieces: Buffer[] = [];
    received.push(pieces);
    const breaksOff = received.length === 1;
    let bytes = 0;
    request.on("data", (piece: Buffer) => {
      pieces.push(piece);
      bytes += piece.length;
      if (breaksOff && bytes > 300_000) response.destroy();
    });
    request.on("end", () => response.end());
  });
  scene.script.outputUrl = async () => url;
  await queueReduce();
  await expect.poll(() => scene.orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  expect(received).toHaveLength(2);
  expect(Buffer.compare(Buffer.concat(received[1]!), result)).toBe(0);
}, 180_000);

it.each([
  ["is looked at again", 1],
  ["is sent", 2],
])(
  "gives the task up for good when an input changes before it %s",
  async (_, times) => {
    let given = 0;
    const url = await serve((request, response) => {
      const [from, to] = /(\d+)-(\d+)/
        .exec(request.headers.range ?? "")!
        .slice(1)
        .map(Number);
      const bytes = Buffer.from(second.subarray(from, to! + 1));
      if (to === second.length - 1 && ++given > times) bytes[bytes.length - 1]! ^= 1;
      response.writeHead(206, { "content-length": bytes.length }).end(bytes);
    });
    await queueReduce((digest) => (digest === digestOfBytes(second) ? url : undefined));
    await expect.poll(() => scene.orchestrator.told.failed.length, { timeout: 60_000 }).toBe(1);
    expect(scene.orchestrator.told.failed[0]).toMatchObject({ code: "DIGEST_MISMATCH", retryable: false });
    expect(scene.orchestrator.told.completed).toEqual([]);
    await expect.poll(lag).toBe(0);
  },
  180_000,
);

it("gives the task to others when the store gives no parts of objects", async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { "content-length": second.length }).end(second);
  });
  await queueReduce((digest) => (digest === digestOfBytes(second) ? url : undefined));
  await expect.poll(() => scene.orchestrator.told.failed.length, { timeout: 60_000 }).toBe(1);
  expect(scene.orchestrator.told.failed[0]).toMatchObject({ code: "INPUT_UNREACHABLE", retryable: true });
}, 180_000);
