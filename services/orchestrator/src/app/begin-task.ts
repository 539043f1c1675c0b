import type { Address, Digest, JobId } from "@cos/protocol";
import { err, ok, type Result } from "@cos/protocol";
import { decideBegin, requeueDelaySeconds } from "../domain/decide-begin.ts";
import { anyRegionName } from "../domain/region-name.ts";
import { type MoveDeps, moveJob } from "./move-job.ts";
import type {
  Authority,
  Clock,
  InTransaction,
  Objects,
  StoredObject,
  Task,
  TaskRecords,
  Tx,
  WorkerRecords,
} from "./ports.ts";

export type BeginTaskDeps = MoveDeps & {
  readonly tasks: TaskRecords;
  readonly workers: WorkerRecords;
  readonly objects: Objects;
  readonly authority: Authority;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
  readonly leaseSeconds: number;
  /** A worker not heard of for so long is not counted on. */
  readonly workerForgottenSeconds: number;
};

export type BeginTaskError =
  /** No such job or task. */
  | { code: "TASK_NOT_FOUND" }
  /** The worker's region is not attested, or is another than the job's. */
  | { code: "REGION_NOT_ATTESTED"; region: string };

export type BegunTask =
  | { readonly decision: "DONE" | "NOT_WANTED" | "LATER" }
  | {
      readonly decision: "RUN";
      readonly fence: bigint;
      readonly leaseUntil: number;
      readonly description: string;
      readonly inputs: readonly (StoredObject & { readonly url: string })[];
    };

/** A task as the queue delivered it. `replica`: the one that its message names; `partition`: where it came out. */
export type DeliveredTask = {
  readonly jobId: JobId;
  readonly taskId: Digest;
  readonly worker: Address;
  readonly replica?: number | undefined;
  readonly partition?: number | undefined;
};

/**
 * Gives a task that the queue delivered to the worker, or says why not. `LATER`: somebody else must take it, or this
 * worker a moment later. The message is used up in any case: what still needs a worker is published anew.
 */
export async function beginTask(
  deps: BeginTaskDeps,
  request: DeliveredTask,
): Promise<Result<BegunTask, BeginTaskError>> {
  const { jobId, worker } = request;
  const job = await deps.jobs.find(jobId);
  if (!job) return err({ code: "TASK_NOT_FOUND" });
  if (job.region !== anyRegionName && (await deps.authority.regionOf(worker)) !== job.region) {
    await deps.inTransaction((tx) => passOn(deps, tx, request));
    return err({ code: "REGION_NOT_ATTESTED", region: job.region });
  }
  const begun = await deps.inTransaction((tx) => lease(deps, tx, request));
  if (begun === undefined) return err({ code: "TASK_NOT_FOUND" });
  if (begun.decision !== "RUN") return ok(begun);
  const { task, fence, leaseUntil } = begun;
  const inputs = await Promise.all(
    begun.inputs.map(async (input) => ({ ...input, url: await deps.objects.readUrl(input.digest) })),
  );
  return ok({ decision: "RUN", fence, leaseUntil, description: task.description, inputs });
}

/** The message went to a worker that must not have it: the slot without one is published anew, for another. */
async function passOn({ jobs, tasks, now }: BeginTaskDeps, tx: Tx, request: DeliveredTask): Promise<void> {
  const { jobId, taskId } = request;
  if (!(await jobs.lock(tx, jobId))) return;
  const slots = (await tasks.slots(tx, jobId, taskId)).filter((slot) => slot.state === "QUEUED");
  const slot = slots.find(({ replica }) => replica === request.replica) ?? slots[0];
  if (!slot) return;
  const { replica, bounced } = slot;
  await tasks.bounce(tx, { jobId, taskId, replica }, now() + requeueDelaySeconds(bounced));
}

type Leased =
  | { decision: "DONE" | "NOT_WANTED" | "LATER" }
  | { decision: "RUN"; fence: bigint; leaseUntil: number; task: Task; inputs: StoredObject[] };

async function lease(
  deps: BeginTaskDeps,
  tx: Tx,
  { jobId, taskId, worker, replica, partition }: DeliveredTask,
): Promise<Leased | undefined> {
  const { jobs, tasks, workers } = deps;
  const now = deps.now();
  const job = await jobs.lock(tx, jobId);
  const task = await tasks.find(tx, jobId, taskId);
  if (!job || !task) return undefined;
  await workers.seen(tx, worker, [job.region], now);
  if (partition !== undefined) await workers.serves(tx, job.region, partition, worker, now);
  const known = await workers.known(tx, job.region, now - deps.workerForgottenSeconds);
  const failures = await tasks.failures(tx, jobId, taskId);
  const slots = await tasks.slots(tx, jobId, taskId);
  const decided = decideBegin({
    jobState: job.state,
    paused: job.paused,
    settled: task.output !== undefined,
    slots,
    named: replica,
    wanted: job.wanted,
    worker,
    failedHere: failures.some((failure) => failure.worker === worker && !failure.retryable),
    othersKnown: known.some((other) => other !== worker),
    now,
  });
  if (decided.decision === "LATER" && decided.requeue) {
    const { replica, bounced } = decided.requeue;
    await tasks.bounce(tx, { jobId, taskId, replica }, now + requeueDelaySeconds(bounced));
  }
  if (decided.decision !== "RUN") return { decision: decided.decision };
  const leaseUntil = now + deps.leaseSeconds;
  const fence = await tasks.lease(tx, { jobId, taskId, replica: decided.replica }, worker, now, leaseUntil);
  await moveJob(deps, tx, job, "begin", { at: now });
  return { decision: "RUN", fence, leaseUntil, task, inputs: await inputsOf(tasks, tx, task) };
}

/** What a task reads: blocks for a map task, each once; the agreed outputs that it combines, in the plan's order, for a reduce task. */
async function inputsOf(tasks: TaskRecords, tx: Tx, task: Task): Promise<StoredObject[]> {
  const spec = JSON.parse(task.description) as { task: PlannedTask };
  if (spec.task.kind === "reduce") {
    const byOrdinal = new Map((await tasks.ofJob(tx, task.jobId)).map((each) => [each.ordinal, each.output]));
    return spec.task.inputs.map((index) => {
      const output = byOrdinal.get(index);
      if (!output) throw new Error("a reduce task began before its inputs were settled");
      return output;
    });
  }
  const objects = [
    ...spec.task.rowBlocks.flatMap((block) => block.weights.map((weight) => weight.object)),
    ...spec.task.variantBlocks.flatMap((block) => block.blocks),
  ];
  return [...new Map(objects.map((object) => [object.digest, object])).values()];
}

type PlannedTask =
  | { kind: "reduce"; inputs: number[] }
  | {
      kind: "evaluate";
      rowBlocks: { weights: { object: StoredObject }[] }[];
      variantBlocks: { blocks: StoredObject[] }[];
    };
