import { Readable } from "node:stream";
import { EvaluationFailed } from "@cos/programs";
import { asDigest, asPermitId, digestOfBytes, err, ok } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { createByteBudget } from "./byte-budget.ts";
import { type BeginAnswer, LeaseLost, TransferFailed } from "./ports.ts";
import { type RunTaskParts, runTask } from "./run-task.ts";

const taskId = asDigest(`0x${"11".repeat(32)}`);
const task = { taskId, jobId: asPermitId(`0x${"22".repeat(32)}`), replica: 1, partition: 7 };
const input = { digest: asDigest(`0x${"33".repeat(32)}`), sizeBytes: 5, url: "http://store/a" };
const context = { profile: "p", parameterDigest: taskId, contextDigest: taskId };
const estimate = { inputBytes: 5, outputBytes: 3, cost: 1 };
const spec = {
  taskId,
  planDigest: taskId,
  task: { kind: "reduce", index: 1, inputs: [0], estimate },
  contexts: [context],
  contractions: [],
};
const lease = { fence: 7n, permitId: task.jobId, taskJson: JSON.stringify(spec), inputs: [input] };
const output = Buffer.from("sum");

/** A text's bytes in shared memory. */
const shared = (text: string): Uint8Array<SharedArrayBuffer> => {
  const bytes = new Uint8Array(new SharedArrayBuffer(text.length));
  bytes.set(Buffer.from(text));
  return bytes;
};

const never = new AbortController().signal;

/** A worker's surroundings that write down what they are told. */
function surroundings(
  changes: { begin?: BeginAnswer; parts?: Partial<RunTaskParts>; wanted?: () => boolean } = {},
) {
  const told: unknown[][] = [];
  const parts: RunTaskParts = {
    tasks: {
      begin: async () => changes.begin ?? { decision: "RUN", lease },
      heartbeat: async () => changes.wanted?.() ?? true,
      presignOutput: async (_task, fence, ref) => {
        told.push(["presign", fence, ref]);
        return "http://store/out";
      },
      complete: async (_task, fence, completion) => void told.push(["complete", fence, completion]),
      fail: async (_task, fence, failure) => void told.push(["fail", fence, failure]),
      release: async (_task, fence) => void told.push(["release", fence]),
    },
    transfers: {
      read: async () => shared("block"),
      discard: () => {},
      write: async (url, _output, bytes) => {
        const pieces = typeof bytes === "function" ? await bytes().toArray() : bytes;
        told.push(["write", url, Buffer.concat(pieces).toString()]);
      },
    },
    evaluate: async (_spec, inputs, read) => {
      for (const ref of inputs) await read(ref);
      return ok([output.subarray(0, 1), output.subarray(1)]);
    },
    attest: async () => "0xsigned",
    budget: createByteBudget(1_000),
    keepBytes: 5,
    heartbeatMs: 5,
    elapsedMs: () => performance.now(),
    drain: { begun: never, late: never },
    ...changes.parts,
  };
  return { told, parts };
}
describe("runTask", () => {
  it("stores the output under its digest before it completes, under the lease's fence", async () => {
    const { told, parts } = surroundings();
    const ref = { digest: digestOfBytes(output), sizeBytes: 3 };
    expect(await runTask(task, parts)).toMatchObject({ kind: "COMPLETED", bytesRead: 5, output: ref });
    expect(told).toEqual([
      ["presign", 7n, ref],
      ["write", "http://store/out", "sum"],
      [
        "complete",
        7n,
        { output: ref, signature: "0xsigned", bytesRead: 5, computeSeconds: expect.any(Number) },
      ],
    ]);
  });

  it("reduces in parts what is more than it keeps: reads what is asked for, again when it stores, and counts all of it", async () => {
    const ref = { digest: digestOfBytes(output), sizeBytes: 3 };
    const spans: unknown[] = [];
    const { told, parts } = surroundings({
      parts: {
        keepBytes: 4,
        transfers: {
          ...surroundings().parts.transfers,
          read: async (_url, sizeBytes, _signal, span) => {
            spans.push([sizeBytes, span]);
            return shared("block".slice(span?.first, (span?.first ?? 0) + (span?.length ?? sizeBytes)));
          },
          write: async (url, _output, bytes) => {
            if (typeof bytes !== "function") throw new Error("an output in memory");
            told.push(["write", url, Buffer.concat(await bytes().toArray()).toString()]);
          },
        },
        evaluate: async (_spec, inputs, read, { inParts }) => {
          const [only] = inputs;
          if (only === undefined || !inParts) throw new Error("one input, in parts");
          await read(only, { first: 1, length: 2 });
          const pieces = async function* () {
            yield output.subarray(0, 1);
            yield await read(only, { first: 3, length: 2 });
          };
          return ok({ ref, pieces: () => Readable.from(pieces(), { objectMode: false }) });
        },
      },
    });
    expect(await runTask(task, parts)).toMatchObject({ kind: "COMPLETED", bytesRead: 4, output: ref });
    expect(spans).toEqual([
      [5, { first: 1, length: 2 }],
      [5, { first: 3, length: 2 }],
    ]);
    expect(told.map(([what, ...rest]) => [what, rest[1]])).toEqual([
      ["presign", ref],
      ["write", "sck"],
      ["complete", expect.objectContaining({ output: ref, bytesRead: 4 })],
    ]);
  });

  it("gives a task up for good whose input changed while its output was stored, and attests nothing", async () => {
    const changed = new EvaluationFailed({ code: "DIGEST_MISMATCH", part: "record", index: 0 });
    const { told, parts } = surroundings({
      parts: {
        transfers: { ...surroundings().parts.transfers, write: () => Promise.reject(changed) },
        attest: () => Promise.reject(new Error("attested")),
      },
    });
    expect(await runTask(task, parts)).toEqual({ kind: "FAILED", code: "DIGEST_MISMATCH", retryable: false });
    expect(told.map(([what]) => what)).toEqual(["presign", "fail"]);
  });

  it.each(["DONE", "NOT_WANTED", "LATER"] as const)("leaves a task alone that is %s", async (decision) => {
    const { told, parts } = surroundings({ begin: { decision } });
    expect(await runTask(task, parts)).toEqual({ kind: decision });
    expect(told).toEqual([]);
  });

  it("gives a tampered input up for good, and an unreachable one for another try", async () => {
    const tampered = surroundings({
      parts: {
        evaluate: async () => err({ code: "OBJECT_DIGEST_MISMATCH", expected: taskId, actual: taskId }),
      },
    });
    expect(await runTask(task, tampered.parts)).toMatchObject({ kind: "FAILED", retryable: false });
    expect(tampered.told).toEqual([["fail", 7n, { code: "OBJECT_DIGEST_MISMATCH", retryable: false }]]);
    const read = async () => {
      throw new TransferFailed("INPUT_UNREACHABLE", "no answer");
    };
    const unreachable = surroundings({
      parts: { transfers: { read, discard: () => {}, write: async () => {} } },
    });
    expect(await runTask(task, unreachable.parts)).toMatchObject({
      code: "INPUT_UNREACHABLE",
      retryable: true,
    });
  });

  it("stops and completes nothing when a heartbeat says that the job is over", async () => {
    const { told, parts } = surroundings({
      wanted: () => false,
      parts: {
        evaluate: (_spec, _inputs, _read, { signal }) =>
          new Promise((resolve) =>
            signal.addEventListener("abort", () => resolve(err({ code: "CANCELLED" }))),
          ),
      },
    });
    expect(await runTask(task, parts)).toEqual({ kind: "LEASE_LOST" });
    expect(told).toEqual([]);
  });

  it("reports a stale fence as a lost lease, not as a failure of the task", async () => {
    const { told, parts } = surroundings();
    const stale = async () => {
      throw new LeaseLost("STALE_FENCE");
    };
    expect(await runTask(task, { ...parts, tasks: { ...parts.tasks, complete: stale } })).toEqual({
      kind: "LEASE_LOST",
    });
    expect(told.map(([what]) => what)).toEqual(["presign", "write"]);
  });

  it("refuses a description of another task", async () => {
    const other = { ...lease, taskJson: JSON.stringify({ ...spec, taskId: input.digest }) };
    const { told, parts } = surroundings({ begin: { decision: "RUN", lease: other } });
    expect(await runTask(task, parts)).toMatchObject({ kind: "FAILED", code: "TASK_MALFORMED" });
    expect(told).toHaveLength(1);
  });

  it("is not disturbed by a drain once it computes, and hands back what only fetches", async () => {
    const begun = new AbortController();
    const drain = { begun: begun.signal, late: never };
    const computing = surroundings({
      parts: {
        drain,
        evaluate: async (_spec, inputs, read) => {
          for (const ref of inputs) await read(ref);
          begun.abort();
          return ok([output]);
        },
      },
    });
    expect(await runTask(task, computing.parts)).toMatchObject({ kind: "COMPLETED" });

    const next = surroundings({ parts: { drain } }); // delivered after the drain began
    expect(await runTask(task, next.parts)).toEqual({ kind: "RELEASED" });
    expect(next.told).toEqual([["release", 7n]]);

    const began = new AbortController();
    const fetching = surroundings({
      parts: {
        drain: { begun: began.signal, late: never },
        evaluate: (_spec, _inputs, _read, { signal }) =>
          new Promise((resolve) => {
            signal.addEventListener("abort", () => resolve(err({ code: "CANCELLED" })));
            began.abort(); // it waits for a thread
          }),
      },
    });
    expect(await runTask(task, fetching.parts)).toEqual({ kind: "RELEASED" });
    expect(fetching.told).toEqual([["release", 7n]]);
  });

  it("hands back what still computes when the drain has lasted too long, and fails nothing", async () => {
    const late = new AbortController();
    const { told, parts } = surroundings({
      parts: {
        drain: { begun: never, late: late.signal },
        evaluate: async (_spec, inputs, read, { signal }) => {
          for (const ref of inputs) await read(ref);
          late.abort();
          return signal.aborted ? err({ code: "CANCELLED" }) : ok([output]);
        },
      },
    });
    expect(await runTask(task, parts)).toEqual({ kind: "RELEASED" });
    expect(told).toEqual([["release", 7n]]);
  });

  it("hears that it is not wanted from the heartbeat under way, with no second one", async () => {
    const { promise: revoked, resolve: revoke } = Promise.withResolvers<void>();
    let beats = 0;
    const { told, parts } = surroundings({
      parts: {
        heartbeatMs: 60_000,
        evaluate: async (_spec, inputs, read, { signal }) => {
          for (const ref of inputs) await read(ref);
          revoke();
          return new Promise((resolve) =>
            signal.addEventListener("abort", () => resolve(err({ code: "CANCELLED" }))),
          );
        },
      },
    });
    const heartbeat = async () => {
      beats += 1;
      await revoked;
      return false;
    };
    expect(await runTask(task, { ...parts, tasks: { ...parts.tasks, heartbeat } })).toEqual({
      kind: "LEASE_LOST",
    });
    expect([beats, told]).toEqual([1, []]);
  });
});
