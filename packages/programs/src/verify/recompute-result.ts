import {
  type Digest,
  digestOfBytes,
  digestOfPieces,
  joinPieces,
  type ObjectRef,
  ok,
  type Result,
} from "@cos/protocol";
import type { EvaluateError, ReadObject } from "../evaluate/evaluate-error.ts";
import type { EvaluationPool } from "../evaluate/evaluation-pool.ts";
import { type Plan, planDigestOf, taskSpec } from "../plan/plan.ts";

/** A task whose recomputed output is not the one that was claimed. */
export type RecomputeError =
  | EvaluateError
  | { code: "TASK_OUTPUT_MISMATCH"; task: number; expected: Digest; actual: Digest };

/**
 * Computes a whole result again, from the ciphertexts: the strongest check, and what `Assurance` "recomputed" wants.
 * Partial results are kept in memory. Cost: that of the job.
 */
export async function recomputeResult(
  pool: EvaluationPool,
  plan: Plan,
  read: ReadObject,
  options: { signal?: AbortSignal; onTask?: (done: number, total: number) => void } = {},
): Promise<Result<{ bytes: Uint8Array; outputDigest: Digest }, EvaluateError>> {
  const planDigest = planDigestOf(plan);
  const partials = new Map<Digest, Uint8Array>();
  const evaluated = plan.tasks.filter((task) => task.kind === "evaluate");
  let done = 0;
  const refs = await Promise.all(
    evaluated.map(async (task): Promise<Result<ObjectRef, EvaluateError>> => {
      const output = await pool.evaluate(taskSpec(plan, planDigest, task.index), read, options);
      if (!output.ok) return output;
      const bytes = joinPieces(output.value);
      const ref = { digest: digestOfBytes(bytes), sizeBytes: bytes.length };
      partials.set(ref.digest, bytes);
      done += 1;
      options.onTask?.(done, evaluated.length);
      return ok(ref);
    }),
  );
  const inputs: ObjectRef[] = [];
  for (const ref of refs) {
    if (!ref.ok) return ref;
    inputs.push(ref.value);
  }
  const readPartial: ReadObject = async (ref) => partials.get(ref.digest) as Uint8Array;
  const result = await pool.reduce(
    taskSpec(plan, planDigest, plan.tasks.length - 1),
    inputs,
    readPartial,
    options,
  );
  if (!result.ok) return result;
  const bytes = joinPieces(result.value);
  return ok({ bytes, outputDigest: digestOfBytes(bytes) });
}

/**
 * Computes some tasks again and compares: a sample of the replicas' honesty for a fraction of the cost.
 * @param tasks indexes of evaluation tasks, chosen by the owner after the result was committed
 * @param claimed output digest of each task, from the bundle
 */
export async function spotCheckTasks(
  pool: EvaluationPool,
  plan: Plan,
  tasks: readonly number[],
  claimed: (task: number) => Digest,
  read: ReadObject,
): Promise<Result<null, RecomputeError>> {
  const planDigest = planDigestOf(plan);
  for (const task of tasks) {
    const output = await pool.evaluate(taskSpec(plan, planDigest, task), read, { spread: pool.threads });
    if (!output.ok) return output;
    const actual = digestOfPieces(output.value);
    const expected = claimed(task);
    if (actual !== expected)
      return { ok: false, error: { code: "TASK_OUTPUT_MISMATCH", task, expected, actual } };
  }
  return ok(null);
}
