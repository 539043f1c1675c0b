import type { TaskSpec } from "@cos/programs";
import type { ObjectRef } from "@cos/protocol";

/**
 * Whether a task reduces more than may be in memory at once, so that its inputs are read a part at a time, and again for
 * its output.
 * @param keepBytes most bytes of partial results that are kept; so many are read once
 */
export const isReducedInParts = (
  { task }: Pick<TaskSpec, "task">,
  inputs: readonly ObjectRef[],
  keepBytes: number,
): boolean => task.kind === "reduce" && inputs.reduce((sum, ref) => sum + ref.sizeBytes, 0) > keepBytes;
