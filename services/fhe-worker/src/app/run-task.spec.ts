import { asDigest, asPermitId, digestOfBytes, err, ok } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { createByteBudget } from "./byte-budget.ts";
import { type BeginAnswer, LeaseLost, TransferFailed } from "./ports.ts";
import { type RunTaskParts, runTask } from "./run-task.ts";

const taskId = asDigest(`0x${"11".repeat(32)}`);
const task = { taskId, jobId: asPermitId(`0x${"22".repeat(32)}`) };
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
    },
    transfers: {
      read: async () => Buffer.from("block"),
      write: async (url, bytes) => void told.push(["write", url, Buffer.from(bytes).toString()]),
    },
    evaluate: async (_spec, inputs, read) => {
      for (const ref of inputs) await read(ref);
      return ok(output);
    },
    attest: async () => "0xsigned",
    budget: createByteBudget(1_000),
    heartbeatMs: 5,
    elapsedMs: () => performance.now(),
    ...changes.parts,
  };
  return { told, parts };
}
const never = new AbortController().signal;

describe("runTask", () => {
  it("stores the output under its digest before it completes, under the lease's fence", async () => {
    const { told, parts } = surroundings();
    const ref = { digest: digestOfBytes(output), sizeBytes: 3 };
    expect(await runTask(task, parts, never)).toMatchObject({ kind: "COMPLETED", bytesRead: 5, output: ref });
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

  it.each(["DONE", "NOT_WANTED", "LATER"] as const)("leaves a task alone that is %s", async (decision) => {
    const { told, parts } = surroundings({ begin: { decision } });
    expect(await runTask(task, parts, never)).toEqual({ kind: decision });
    expect(told).toEqual([]);
  });

  it("gives a tampered input up for good, and an unreachable one for another try", async () => {
    const tampered = surroundings({
      parts: {
        evaluate: async () => err({ code: "OBJECT_DIGEST_MISMATCH", expected: taskId, actual: taskId }),
      },
    });
    expect(await runTask(task, tampered.parts, never)).toMatchObject({ kind: "FAILED", retryable: false });
    expect(tampered.told).toEqual([["fail", 7n, { code: "OBJECT_DIGEST_MISMATCH", retryable: false }]]);
    const read = async () => {
      throw new TransferFailed("INPUT_UNREACHABLE", "no answer");
    };
    const unreachable = surroundings({ parts: { transfers: { read, write: async () => {} } } });
    expect(await runTask(task, unreachable.parts, never)).toMatchObject({
      code: "INPUT_UNREACHABLE",
      retryable: true,
    });
  });

  it("stops and completes nothing when a heartbeat says that the job is over", async () => {
    const { told, parts } = surroundings({
      wanted: () => false,
      parts: {
        evaluate: (_spec, _inputs, _read, signal) =>
          new Promise((resolve) =>
            signal.addEventListener("abort", () => resolve(err({ code: "CANCELLED" }))),
          ),
      },
    });
    expect(await runTask(task, parts, never)).toEqual({ kind: "LEASE_LOST" });
    expect(told).toEqual([]);
  });

  it("reports a stale fence as a lost lease, not as a failure of the task", async () => {
    const { told, parts } = surroundings();
    const stale = async () => {
      throw new LeaseLost("STALE_FENCE");
    };
    expect(await runTask(task, { ...parts, tasks: { ...parts.tasks, complete: stale } }, never)).toEqual({
      kind: "LEASE_LOST",
    });
    expect(told.map(([what]) => what)).toEqual(["presign", "write"]);
  });

  it("refuses a description of another task", async () => {
    const other = { ...lease, taskJson: JSON.stringify({ ...spec, taskId: input.digest }) };
    const { told, parts } = surroundings({ begin: { decision: "RUN", lease: other } });
    expect(await runTask(task, parts, never)).toMatchObject({ kind: "FAILED", code: "TASK_MALFORMED" });
    expect(told).toHaveLength(1);
  });
});
