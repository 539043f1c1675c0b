import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { objectKey, openEmbeddedObjects } from "@cos/objects";
import { EvaluationFailed } from "@cos/programs";
import { digestOfBytes, unwrap } from "@cos/protocol";
import { type TempFolder, tempFolder } from "@cos/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { httpTransfers } from "../src/adapters/http-transfers.ts";
import { createBufferPool } from "../src/app/buffer-pool.ts";
import { TransferFailed } from "../src/app/ports.ts";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const never = new AbortController().signal;
const transfers = httpTransfers(createBufferPool(0));
const object = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
const { length: sizeBytes } = object;
const ref = { digest: digestOfBytes(object), sizeBytes };
const span = { first: 70_000, length: 20_000 };

/** A store that answers as told: the first answer to the first request, the last to all others. */
let answers: Answer[] = [];
let asked: IncomingMessage[] = [];
const server = createServer((request, response) => {
  if (!url.endsWith(request.url ?? "/")) return void response.destroy(); // of a test that is over
  asked.push(request);
  (answers.length > 1 ? answers.shift() : answers[0])?.(request, response);
});
let url = "";
let tests = 0;
beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
beforeEach(() => {
  [answers, asked] = [[], []];
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/object-${++tests}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** Gives out bytes of the object under a status, and says that they are `stated`. */
const give =
  (status: number, bytes: Uint8Array, stated = bytes.length): Answer =>
  (_, response) => {
    response.writeHead(status, { "content-length": stated });
    if (stated === bytes.length) response.end(bytes);
    else response.write(bytes, () => response.destroy());
  };
const part = object.subarray(span.first, span.first + span.length);
const failure = (work: Promise<unknown>) =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("a part of an object", () => {
  let folder: TempFolder;
  beforeAll(async () => {
    folder = await tempFolder("transfers");
  });
  afterAll(() => folder.remove());

  it("comes from the embedded store", async () => {
    const { store, close } = await openEmbeddedObjects({ dataDir: folder.path });
    unwrap(await store.put(objectKey(ref.digest), object, ref));
    const presigned = await store.presignGet(objectKey(ref.digest), 60);
    expect(Buffer.from(await transfers.read(presigned, sizeBytes, never, span))).toEqual(part);
    const last = { first: sizeBytes - 1, length: 1 };
    expect([...(await transfers.read(presigned, sizeBytes, never, last))]).toEqual([99_999 % 251]);
    const beyond = { first: sizeBytes, length: 1 };
    expect(await failure(transfers.read(presigned, sizeBytes, never, beyond))).toMatchObject({
      code: "INPUT_TRUNCATED",
    });
    await close();
  });

  it("is asked for by its first and last byte", async () => {
    answers = [give(206, part)];
    expect(Buffer.from(await transfers.read(url, sizeBytes, never, span))).toEqual(part);
    expect(asked.map((request) => request.headers.range)).toEqual(["bytes=70000-89999"]);
  });

  it("is not believed of a store that gives the whole object instead", async () => {
    answers = [give(200, object)];
    expect(await failure(transfers.read(url, sizeBytes, never, span))).toMatchObject({
      code: "INPUT_UNREACHABLE",
      message: "the store gives no parts",
    });
    expect(asked).toHaveLength(1);
  });

  it("has as many bytes as were asked for", async () => {
    answers = [give(206, part.subarray(1))];
    expect(await failure(transfers.read(url, sizeBytes, never, span))).toMatchObject({
      code: "INPUT_TRUNCATED",
    });
  });

  it("is asked for again when it breaks off", async () => {
    answers = [give(206, part.subarray(0, 5_000), part.length), give(206, part)];
    expect(Buffer.from(await transfers.read(url, sizeBytes, never, span))).toEqual(part);
    expect(asked).toHaveLength(2);
  });
});

describe("an output that is made while it is sent", () => {
  /** Reads so many bytes of a request and breaks off, or reads it to its end and says that it was stored. */
  const takeUntil =
    (bytes: number, taken: Buffer[]): Answer =>
    (request, response) => {
      let received = 0;
      taken.length = 0;
      request.on("data", (piece: Buffer) => {
        received += piece.length;
        taken.push(piece);
        if (received > bytes) response.destroy();
      });
      request.on("end", () => response.end());
    };
  const pieces = () => Array.from({ length: 10 }, (_, i) => object.subarray(i * 10_000, (i + 1) * 10_000));

  it("is made anew when the store breaks off in the middle", async () => {
    const taken: Buffer[] = [];
    answers = [takeUntil(30_000, taken), takeUntil(Number.POSITIVE_INFINITY, taken)];
    const made: Readable[] = [];
    const make = () => {
      const body = Readable.from(pieces(), { objectMode: false });
      made.push(body);
      return body;
    };
    await transfers.write(url, ref, make, never);
    expect(Buffer.concat(taken)).toEqual(object);
    expect(asked.map((request) => request.headers["content-length"])).toEqual(["100000", "100000"]);
    expect(made.map((body) => body.destroyed)).toEqual([true, true]);
  });

  it("fails as its making does, at once, and nothing whole reaches the store", async () => {
    const taken: Buffer[] = [];
    answers = [takeUntil(Number.POSITIVE_INFINITY, taken)];
    const changed = new EvaluationFailed({ code: "DIGEST_MISMATCH", part: "record", index: 3 });
    const make = () =>
      Readable.from(
        (async function* () {
          yield* pieces().slice(0, 9);
          throw changed;
        })(),
        { objectMode: false },
      );
    expect(await failure(transfers.write(url, ref, make, never))).toBe(changed);
    expect(asked.length).toBeLessThanOrEqual(1);
    expect(Buffer.concat(taken).length).toBeLessThan(sizeBytes);
    const unreachable = new TransferFailed("INPUT_UNREACHABLE", "no answer");
    const none = () => Readable.from((async function* () {})()).destroy(unreachable);
    expect(await failure(transfers.write(url, ref, none, never))).toBe(unreachable);
  });

  it("opens no connection before there is something to send", async () => {
    const taken: Buffer[] = [];
    answers = [give(206, part), takeUntil(Number.POSITIVE_INFINITY, taken)];
    const { promise: thread, resolve: free } = Promise.withResolvers<void>();
    const make = () =>
      Readable.from(
        (async function* () {
          await thread;
          yield* pieces();
        })(),
        { objectMode: false },
      );
    const writing = transfers.write(url, ref, make, never);
    await transfers.read(url, sizeBytes, never, span); // begun later, and served first
    expect(asked.map(({ method }) => method)).toEqual(["GET"]);
    free();
    await writing;
    expect(Buffer.concat(taken)).toEqual(object);
  });
});
