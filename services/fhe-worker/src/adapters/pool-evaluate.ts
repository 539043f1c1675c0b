import type { EvaluationPool } from "@cos/programs";
import type { Evaluate } from "../app/ports.ts";

/**
 * Evaluates in the pool's threads: a map task in one of them, a reduce task over the inputs in the plan's order. What a task
 * reads was fetched for it alone, so that threads take the bytes over.
 */
export const poolEvaluate =
  (pool: EvaluationPool): Evaluate =>
  (spec, inputs, read, signal) =>
    spec.task.kind === "evaluate"
      ? pool.evaluate(spec, read, { signal, handOver: true })
      : pool.reduce(spec, inputs, read, { signal, handOver: true });
