import type { EvaluationPool, SharedMemory } from "@cos/programs";
import type { Evaluate } from "../app/ports.ts";

/**
 * Evaluates in the pool's threads: a map task in one of them, a reduce task over the inputs in the plan's order. What a task
 * reads lies in memory of `buffers`, and goes back there as soon as it is used.
 */
export const poolEvaluate =
  (pool: EvaluationPool, buffers: SharedMemory): Evaluate =>
  (spec, inputs, read, { signal, inParts }) => {
    const options = { signal, memory: buffers };
    if (inParts) return pool.reduceInParts(spec, inputs, read, options);
    return spec.task.kind === "reduce"
      ? pool.reduce(spec, inputs, read, options)
      : pool.evaluate(spec, read, options);
  };
