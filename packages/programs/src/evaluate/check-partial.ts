import type { CiphertextList } from "@cos/fhe";
import type { Result } from "@cos/protocol";
import { err, ok } from "@cos/protocol/result";
import type { TaskSpec } from "../plan/plan.ts";
import type { EvaluateError } from "./evaluate-error.ts";

/** Refuses a list that no task of the reduce task's plan writes. @errors `PARTIAL_UNEXPECTED` */
export function checkPartial(
  spec: TaskSpec,
  { header, count, describe }: Pick<CiphertextList, "header" | "count" | "describe">,
): Result<null, EvaluateError> {
  const isOfPlan =
    header.planDigest === spec.planDigest &&
    header.contexts.length === spec.contexts.length &&
    header.contexts.every((context, i) => {
      const { profile, contextDigest } = spec.contexts[i] ?? {};
      return context.profile === profile && context.contextDigest === contextDigest;
    });
  const isExpected = (index: number): boolean => {
    const { contraction, degree, context } = describe(index);
    const planned = spec.contractions[contraction];
    return planned?.degree === degree && planned.context === context;
  };
  if (isOfPlan && Array.from({ length: count }, (_, i) => i).every(isExpected)) return ok(null);
  return err({ code: "PARTIAL_UNEXPECTED", taskId: header.taskId });
}
