import type { ObjectRef } from "@cos/protocol";
import type { TaskSpec } from "./plan.ts";

/**
 * The objects of a task in the order in which its evaluation asks for them: row block by row block, first the weights,
 * then the carrier's block of each variant block; for a reduce task its inputs in the plan's order.
 */
export function needOrder({ task }: TaskSpec, inputs: readonly ObjectRef[]): ObjectRef[] {
  if (task.kind === "reduce") return [...inputs];
  return task.rowBlocks.flatMap((rowBlock, position) => [
    ...rowBlock.weights.map((weight) => weight.object),
    ...task.variantBlocks.flatMap(({ blocks }) => blocks[position] ?? []),
  ]);
}
