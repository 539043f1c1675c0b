import { type Plan, planDigestOf, taskIdOf, taskSpec } from "@cos/programs";
import { checkJobDocument, type JobId, ok, type Result } from "@cos/protocol";
import type { Job } from "../domain/job.ts";
import { jobRegion } from "../domain/job-region.ts";
import { type LoadDeps, loadJobDocument, loadPlan, MissingObject, type WorkRefusal } from "./load-plan.ts";
import { type MoveDeps, moveJob } from "./move-job.ts";
import type { Clock, InTransaction, NewTask, TaskRecords } from "./ports.ts";

export type PlanPermitDeps = MoveDeps &
  LoadDeps & {
    readonly tasks: TaskRecords;
    readonly inTransaction: InTransaction;
    readonly now: Clock;
    /** How often a missing object is looked for, with growing pauses, before the job is refused. */
    readonly maxPlanAttempts: number;
  };

/**
 * Plans one permitted job: clauses, region, program, manifests, tasks; or rejects it with the code that refuses.
 * Reading happens before the transaction that stores the plan, which is guarded by the job's state, so that two
 * planners, or one killed half-way, lead to one plan. @throws when something it needs cannot be asked now: try again
 */
export async function planPermit(deps: PlanPermitDeps, jobId: JobId): Promise<void> {
  const job = await deps.jobs.find(jobId);
  if (job?.state !== "PERMITTED" || job.paused || deps.now() >= job.terms.expiry) return;
  // Posted or over on chain already: the mirror's next events say how, there is nothing to plan.
  if ((await deps.authority.permitState(jobId)) !== "issued")
    throw new Error("the permit is not open in the mirror");
  let decided: Result<{ plan: Plan; region: string }, WorkRefusal>;
  try {
    decided = await decide(deps, job);
  } catch (error) {
    if (!(error instanceof MissingObject)) throw error;
    const attempts = await deps.jobs.postpone(jobId, (n) => deps.now() + Math.min(30, 2 ** (n - 1)));
    if (attempts < deps.maxPlanAttempts) return;
    decided = { ok: false, error: { code: "OBJECT_MISSING", facts: { uri: error.digest } } };
  }
  if (!decided.ok) {
    const { code: reason, facts } = decided.error;
    await deps.inTransaction(async (tx) => {
      const locked = await deps.jobs.lock(tx, jobId);
      if (locked) await moveJob(deps, tx, locked, "reject", { at: deps.now(), reason, facts });
    });
    return;
  }
  await store(deps, jobId, decided.value.plan, decided.value.region);
}

async function decide(
  deps: PlanPermitDeps,
  { terms }: Job,
): Promise<Result<{ plan: Plan; region: string }, WorkRefusal>> {
  for (const dataset of terms.datasets) {
    const answer = await deps.authority.mayCompute(terms, dataset);
    if (answer.allowed) continue;
    const { code, clause } = answer;
    return {
      ok: false,
      error: { code, facts: { clause, datasetId: dataset.datasetId, grantId: dataset.grantId } },
    };
  }
  const document = await loadJobDocument(deps.objects, terms.paramsHash);
  if (!document.ok) return document;
  const job = checkJobDocument(document.value, terms);
  if (!job.ok) {
    const { code, ...facts } = job.error;
    return { ok: false, error: { code, facts } };
  }
  const { algorithmId, datasets } = terms;
  const loaded = await loadPlan(deps, { algorithmId, job: job.value, datasets });
  if (!loaded.ok) return loaded;
  const region = jobRegion(
    terms.regionCode,
    loaded.value.datasets.map((view) => view.regionCode),
  );
  if (region.ok) return ok({ plan: loaded.value.plan, region: region.value });
  const { code, ...facts } = region.error;
  return { ok: false, error: { code, facts } };
}

async function store(deps: PlanPermitDeps, jobId: JobId, plan: Plan, region: string): Promise<void> {
  const planDigest = planDigestOf(plan);
  const { inputsRoot, contextDigest } = plan;
  const tasks = toTasks(plan, planDigest);
  await deps.inTransaction(async (tx) => {
    const job = await deps.jobs.lock(tx, jobId);
    if (!job || job.paused) return;
    const moved = await moveJob(deps, tx, job, "plan", { at: deps.now() });
    if (!moved) return;
    await deps.jobs.savePlan(tx, jobId, region, { planDigest, inputsRoot, contextDigest });
    await deps.tasks.addTasks(tx, jobId, tasks);
    await deps.tasks.openStage(tx, jobId, 0, job.wanted);
    await deps.announcer.jobPlanned(tx, jobId, planDigest, tasks.length * job.wanted);
  });
}

/** Headers, digests and record tables that an output has besides its ciphertexts. */
const maxOutputOverhead = { factor: 1.05, bytes: 256 * 1024 };

const toTasks = (plan: Plan, planDigest: ReturnType<typeof planDigestOf>): NewTask[] =>
  plan.tasks.map((task, index) => ({
    taskId: taskIdOf(planDigest, index),
    stage: task.kind === "reduce" ? 1 : 0,
    ordinal: index,
    description: JSON.stringify(taskSpec(plan, planDigest, index)),
    inputBytes: task.estimate.inputBytes,
    cost: Math.ceil(task.estimate.cost),
    maxOutputBytes: Math.ceil(task.estimate.outputBytes * maxOutputOverhead.factor) + maxOutputOverhead.bytes,
  }));
