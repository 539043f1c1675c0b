import { canonicalJson, type JobId, type ResultBundle, resultCommitment } from "@cos/protocol";
import { loadJobDocument } from "./load-plan.ts";
import { applyStops, type MoveDeps, moveJob } from "./move-job.ts";
import type { Authority, Clock, InTransaction, Objects, TaskRecords } from "./ports.ts";

export type FinishJobDeps = MoveDeps & {
  readonly tasks: TaskRecords;
  readonly objects: Objects;
  readonly authority: Authority;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
};

/**
 * Completes a job whose last task is settled: asks a last time whether every clause still holds, stores the bundle, and
 * publishes the result. The bundle is a function of what is stored, so doing it again after a crash gives the same
 * object, the same commitment and, by the guard, one event. @throws when something cannot be asked now: try again
 */
export async function finishJob(deps: FinishJobDeps, jobId: JobId): Promise<void> {
  const job = await deps.jobs.find(jobId);
  const plan = await deps.jobs.planOf(jobId);
  if (job?.state !== "REDUCING" || job.paused || !plan) return;
  const tasks = await deps.inTransaction(async (tx) => {
    if ((await deps.tasks.unsettled(tx, jobId, 1)) > 0) return undefined;
    const all = await deps.tasks.ofJob(tx, jobId);
    const attested = await deps.tasks.outputsOfJob(tx, jobId);
    return all.map((task) => ({ task, outputs: attested.get(task.taskId) ?? [] }));
  });
  const entries = tasks?.at(-1)?.task.output;
  if (!tasks || !entries) return;
  for (const dataset of job.terms.datasets) {
    const answer = await deps.authority.mayCompute(job.terms, dataset);
    if (answer.allowed) continue;
    const facts = { clause: answer.clause, datasetId: dataset.datasetId };
    await deps.inTransaction(async (tx) => {
      const locked = await deps.jobs.lock(tx, jobId);
      if (locked) await moveJob(deps, tx, locked, "cancel", { at: deps.now(), reason: answer.code, facts });
    });
    return;
  }
  const document = await loadJobDocument(deps.objects, job.terms.paramsHash);
  if (!document.ok) throw new Error(`the planned job's parameters are ${document.error.code}`);
  const claim = {
    permitId: jobId,
    algorithmId: job.terms.algorithmId as ResultBundle["algorithmId"],
    planDigest: plan.planDigest,
    inputsRoot: plan.inputsRoot,
    contextDigest: plan.contextDigest,
  };
  const bundle: ResultBundle = {
    format: "cos-result-bundle/1",
    ...claim,
    job: document.value,
    entries: { digest: entries.digest, sizeBytes: entries.sizeBytes },
    tasks: tasks.map(({ task, outputs }) => {
      const outputDigest = task.output?.digest ?? entries.digest;
      // Outvoted replicas stay in the store's history; the owner is shown who vouches for what the result rests on.
      const agreeing = outputs.filter((output) => output.digest === outputDigest);
      return {
        taskId: task.taskId,
        outputDigest,
        attestations: agreeing.map(({ worker, signature }) => ({ worker, outputDigest, signature })),
      };
    }),
  };
  const stored = await deps.objects.write(new TextEncoder().encode(canonicalJson(bundle)));
  const commitment = resultCommitment({ ...claim, outputDigest: entries.digest });
  await deps.inTransaction(async (tx) => {
    const locked = await deps.jobs.lock(tx, jobId);
    if (!locked || locked.paused) return;
    const at = deps.now();
    const result = { commitment, uri: `cos-object:${stored.digest.slice(2)}` };
    const moved = await moveJob(deps, tx, locked, "complete", { at, result });
    if (moved) await applyStops(deps, tx, moved, at);
  });
}
