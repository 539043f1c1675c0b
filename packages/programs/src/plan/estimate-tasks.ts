import { findProfile, type Profile, packedCiphertextBytes } from "@cos/fhe";
import type { EvaluateTask, Plan, PlanContraction, TaskEstimate } from "./plan.ts";

/** What one task reads, writes and costs. */
export function estimateTask(
  task: EvaluateTask,
  contractions: readonly PlanContraction[],
  profile: Profile,
  perCell: number,
): TaskEstimate {
  const rows = task.rowBlocks.reduce((sum, b) => sum + b.rows, 0);
  const runs = new Set(task.rowBlocks.flatMap((b) => b.pieces.map((p) => p.run))).size;
  const objects = [
    ...task.rowBlocks.flatMap((b) => b.weights.map((w) => w.object)),
    ...task.variantBlocks.flatMap((v) => v.blocks),
  ];
  const perEntry = contractions.reduce((sum, c) => sum + packedCiphertextBytes(profile, c.degree), 0);
  return {
    inputBytes: objects.reduce((sum, o) => sum + o.sizeBytes, 0),
    outputBytes: runs * task.variantBlocks.length * perEntry,
    cost: Math.ceil(rows * task.variantBlocks.length * perCell),
  };
}

/** Adds the task that gathers all others, and the estimate of the whole. */
export function addReduce(plan: Plan): void {
  const evaluated = plan.tasks.filter((t) => t.kind === "evaluate");
  const inputBytes = evaluated.reduce((sum, t) => sum + t.estimate.outputBytes, 0);
  const outputBytes = resultBytes(plan);
  const estimate = { inputBytes, outputBytes, cost: Math.ceil(inputBytes / 16_384) };
  plan.tasks.push({
    kind: "reduce",
    index: plan.tasks.length,
    inputs: evaluated.map((t) => t.index),
    estimate,
  });
  plan.estimate = plan.tasks.reduce(
    (sum, t) => ({
      inputBytes: sum.inputBytes + t.estimate.inputBytes,
      outputBytes,
      cost: sum.cost + t.estimate.cost,
    }),
    { inputBytes: 0, outputBytes, cost: 0 },
  );
}

function resultBytes(plan: Plan): number {
  let bytes = 0;
  for (const contraction of plan.contractions) {
    const profile = findProfile(plan.contexts[contraction.context]?.profile ?? "");
    const runs = plan.runs.filter((r) => r.dataset === contraction.dataset).length;
    const blocks = new Set(
      plan.tasks.flatMap((t) =>
        t.kind === "evaluate" && t.contractions.includes(contraction.index)
          ? t.variantBlocks.map((v) => v.index)
          : [],
      ),
    ).size;
    if (profile.ok) bytes += runs * blocks * packedCiphertextBytes(profile.value, contraction.degree);
  }
  return bytes;
}
