/**
 * A worker of the pipeline's benchmark: a process that runs tasks with the worker service's own code, from lease to
 * completion, against a store instead of an orchestrator. Told what to do by its parent's messages.
 */
import { readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type ObjectStore, objectKey, openEmbeddedObjects, openS3Store } from "@cos/objects";
import { type EngineSetting, EvaluationPool, needOrder, parseTaskSpec } from "@cos/programs";
import { asDigest, type ObjectRef, type PermitId, unwrap } from "@cos/protocol";
import { httpTransfers } from "../../services/fhe-worker/src/adapters/http-transfers.ts";
import { poolEvaluate } from "../../services/fhe-worker/src/adapters/pool-evaluate.ts";
import { createBufferPool } from "../../services/fhe-worker/src/app/buffer-pool.ts";
import { createByteBudget } from "../../services/fhe-worker/src/app/byte-budget.ts";
import type { Transfers } from "../../services/fhe-worker/src/app/ports.ts";
import { type RunTaskParts, runTask } from "../../services/fhe-worker/src/app/run-task.ts";

export type WorkerSetup = {
  store: { kind: "directory"; dataDir: string } | { kind: "s3"; url: string };
  threads: number;
  readAheadMebibytes: number;
  engine: EngineSetting;
};
export type ToWorker = { id: number; taskJson: string; partials: ObjectRef[] };
export type FromWorker =
  | { kind: "ready"; engine: string }
  | {
      kind: "done";
      id: number;
      output: ObjectRef;
      bytesRead: number;
      peakResidentBytes: number;
      cpuSeconds: number;
    };

const setup = JSON.parse(process.argv[2] ?? "") as WorkerSetup;
const buffers = createBufferPool(setup.readAheadMebibytes * 2 ** 20);
const { store, transfers } = await openTransfers(setup);
const pool = new EvaluationPool(setup.threads, setup.engine);
const budget = createByteBudget(setup.readAheadMebibytes * 2 ** 20);
const never = new AbortController().signal;

process.on("message", (message: ToWorker) => {
  run(message).catch((error) => {
    console.error(error);
    process.exit(1);
  });
});
process.on("disconnect", () => process.exit(0));
tell({ kind: "ready", engine: pool.engineDescription });

async function run({ id, taskJson, partials }: ToWorker): Promise<void> {
  const spec = unwrap(parseTaskSpec(new TextEncoder().encode(taskJson)));
  const refs = new Map(needOrder(spec, partials).map((ref) => [ref.digest, ref]));
  const urlOf = ({ digest }: ObjectRef) =>
    setup.store.kind === "s3" ? store.presignGet(objectKey(digest), 600) : Promise.resolve(digest);
  const inputs = await Promise.all(
    [...refs.values()].map(async (ref) => ({ ...ref, url: await urlOf(ref) })),
  );
  const permitId = spec.planDigest as string as PermitId;
  const tasks: RunTaskParts["tasks"] = {
    begin: async () => ({ decision: "RUN", lease: { fence: 1n, permitId, taskJson, inputs } }),
    heartbeat: async () => true,
    presignOutput: async (_, __, { digest, sizeBytes }) =>
      setup.store.kind === "s3"
        ? await store.presignPut(objectKey(digest), 600, { digest, sizeBytes })
        : digest,
    complete: async () => {},
    fail: async (_, __, failure) => Promise.reject(new Error(failure.code)),
    release: async () => {},
  };
  const outcome = await runTask(
    { taskId: spec.taskId, jobId: "bench" as never, replica: 0, partition: 0 },
    {
      tasks,
      transfers,
      evaluate: poolEvaluate(pool, buffers),
      attest: async () => "0x",
      budget,
      keepBytes: (setup.readAheadMebibytes / 2) * 2 ** 20,
      heartbeatMs: 10_000,
      elapsedMs: () => performance.now(),
      drain: { begun: never, late: never },
    },
  );
  if (outcome.kind !== "COMPLETED") throw new Error(`a task ended ${JSON.stringify(outcome)}`);
  const peakResidentBytes = peakResident();
  const { user, system } = process.cpuUsage();
  const cpuSeconds = (user + system) / 1e6;
  tell({
    kind: "done",
    id,
    output: outcome.output,
    bytesRead: outcome.bytesRead,
    peakResidentBytes,
    cpuSeconds,
  });
}

async function openTransfers({
  store: at,
}: WorkerSetup): Promise<{ store: ObjectStore; transfers: Transfers }> {
  if (at.kind === "s3")
    return { store: await openS3Store({ url: at.url }), transfers: httpTransfers(buffers) };
  const { store } = await openEmbeddedObjects({ dataDir: at.dataDir });
  return {
    store,
    transfers: {
      read: async (digest, sizeBytes, _signal, span) => {
        const { first, length } = span ?? { first: 0, length: sizeBytes };
        const bytes = buffers.take(length);
        const file = await open(join(at.dataDir, "store", objectKey(asDigest(digest))), "r");
        try {
          for (let filled = 0; filled < length; ) {
            const { bytesRead } = await file.read(bytes, filled, length - filled, first + filled);
            if (bytesRead === 0) throw new Error("the object ends early");
            filled += bytesRead;
          }
        } finally {
          await file.close();
        }
        return bytes;
      },
      discard: (buffer) => {
        if (buffer instanceof SharedArrayBuffer) buffers.give(buffer);
        else buffer.transfer(0);
      },
      write: async (_, { digest, sizeBytes }, bytes) => {
        const body = typeof bytes === "function" ? bytes() : Readable.from(bytes);
        unwrap(await store.put(objectKey(digest), body, { sizeBytes }));
      },
    },
  };
}

/** Most bytes that this program has had in memory; `maxRSS` would count its parent's, which it was for a moment. */
function peakResident(): number {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS * 1024;
  return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024;
}

function tell(message: FromWorker): void {
  process.send?.(message);
}
