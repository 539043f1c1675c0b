import type { EvaluationPool } from "@cos/programs";
import type { Evaluate } from "../app/ports.ts";

/** Evaluates in the pool's threads: a map task in one of them, a reduce task over the inputs in the plan's order. */
export const poolEvaluate =
  (pool: EvaluationPool): Evaluate =>
  (spec, inputs, read, signal) =>
    spec.task.kind === "evaluate"
      ? pool.evaluate(spec, read, { signal })
      : pool.reduce(spec, inputs, read, { signal });
