import type { EntryKey } from "@cos/fhe";
import type { AlgorithmId, Digest, ObjectRef } from "@cos/protocol";
import { digestOfJson } from "@cos/protocol/canonical-json";
import type { Readout } from "./contractions.ts";
import type { JobParams } from "./resolve-program.ts";

/** A context that entries of the result are under. */
export type PlanContext = { profile: string; parameterDigest: Digest; contextDigest: Digest };

/** A contraction of one dataset, numbered over the whole job. */
export type PlanContraction = {
  index: number;
  dataset: number;
  context: number;
  carrier: { array: string; ciphertext: number };
  weight: { array: string; ciphertext: number } | null;
  degree: 1 | 2;
};

/** People whose products are added up in one entry; numbered over the whole job. */
export type PlanRun = { index: number; dataset: number; segment: string; rows: number };

export type PlanDataset = {
  manifestCommitment: Digest;
  contextDigest: Digest;
  layout: string;
  segments: string[];
  /** Most people in one run, by plaintext modulus and noise. */
  maxRowsPerRun: number;
  /** How the owner reads the named sums out of opened contractions. */
  readouts: Readout[];
  /** First variant and count of each variant block, by its index. */
  variantBlocks: { index: number; first: number; count: number }[];
};

/** Rows `first .. first + count - 1` of a block, by position, that belong to a run. */
export type RunPiece = { run: number; first: number; count: number };

/** Evaluates some contractions over a rectangle of row blocks and variant blocks. */
export type EvaluateTask = {
  kind: "evaluate";
  index: number;
  dataset: number;
  context: number;
  carrier: string;
  contractions: number[];
  rowBlocks: {
    segment: string;
    rowBlock: number;
    rows: number;
    pieces: RunPiece[];
    /** Blocks of the arrays that weight the rows. */
    weights: { array: string; object: ObjectRef }[];
  }[];
  variantBlocks: {
    /** `noVariantBlock` where the carrier has no variant axis. */
    index: number;
    /** The carrier's block for each row block, in their order. */
    blocks: ObjectRef[];
  }[];
  estimate: TaskEstimate;
};

/** Adds up or gathers what tasks wrote; the last task of every plan, its output is the result. */
export type ReduceTask = { kind: "reduce"; index: number; inputs: number[]; estimate: TaskEstimate };

export type PlanTask = EvaluateTask | ReduceTask;

/** `cost`: passes of the cost model, about 7,500 a second and core with the wasm engine and twelve times that with the native one. */
export type TaskEstimate = { inputBytes: number; outputBytes: number; cost: number };

/** How a job is divided: a function of program, parameters, purpose and manifests alone. */
export type Plan = {
  format: "cos-plan/2";
  /** Version of the constants by which the planner weighs and cuts. */
  costModel: string;
  algorithmId: AlgorithmId;
  params: JobParams;
  inputsRoot: Digest;
  contextDigest: Digest;
  datasets: PlanDataset[];
  contexts: PlanContext[];
  contractions: PlanContraction[];
  runs: PlanRun[];
  tasks: PlanTask[];
  /** Sum over the tasks; `outputBytes` is the size of the result, up to headers. */
  estimate: TaskEstimate;
};

export const planDigestOf = (plan: Plan): Digest => digestOfJson(plan);

/** Identity of a task: binds the plan, so a task id stands for its inputs and its program too. */
export const taskIdOf = (planDigest: Digest, index: number): Digest =>
  digestOfJson({ format: "cos-task/1", planDigest, index });

/** Everything a worker needs to know about one task; JSON. */
export type TaskSpec = {
  taskId: Digest;
  planDigest: Digest;
  task: PlanTask;
  contexts: PlanContext[];
  contractions: PlanContraction[];
};

/** Cuts one task out of a plan, for a worker. */
export function taskSpec(plan: Plan, planDigest: Digest, index: number): TaskSpec {
  const task = plan.tasks[index];
  if (task === undefined) throw new RangeError(`no task ${index}`);
  return {
    taskId: taskIdOf(planDigest, index),
    planDigest,
    task,
    contexts: plan.contexts,
    contractions: plan.contractions,
  };
}

/** The entries that a task writes, in their order: variant block, then run, then contraction. */
export function entriesOfTask(task: EvaluateTask): EntryKey[] {
  const runs = [...new Set(task.rowBlocks.flatMap((b) => b.pieces.map((p) => p.run)))];
  return task.variantBlocks.flatMap(({ index }) =>
    runs.flatMap((run) =>
      task.contractions.map((contraction) => ({ contraction, variantBlock: index, run })),
    ),
  );
}

/** The entries of the result, in their order: every entry of every task once, sorted by block, run and contraction. */
export function entriesOfPlan(plan: Plan): EntryKey[] {
  const entries = new Map<string, EntryKey>();
  for (const task of plan.tasks) {
    if (task.kind !== "evaluate") continue;
    for (const entry of entriesOfTask(task)) entries.set(keyOfEntry(entry), entry);
  }
  return [...entries.values()].sort(compareEntries);
}

export const keyOfEntry = (entry: EntryKey): string =>
  `${entry.contraction}|${entry.variantBlock}|${entry.run}`;

export const compareEntries = (a: EntryKey, b: EntryKey): number =>
  a.variantBlock - b.variantBlock || a.run - b.run || a.contraction - b.contraction;
