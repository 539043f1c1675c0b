import { type Address, assertNever } from "@cos/protocol";
import type { ChainEffect, PermitTerms } from "../domain/chain-effect.ts";
import { regionName } from "../domain/region-name.ts";
import { applyStops, type MoveDeps, moveJob } from "./move-job.ts";
import type { Clock, LogPosition, Tx } from "./ports.ts";

/** A log at a stage, as the mirror delivers it. `logKey`: identity of the log (chain, block hash, index). */
export type StagedEffect = {
  readonly effect: ChainEffect;
  readonly stage: "CONFIRMED" | "FINALIZED" | "RETRACTED";
  readonly logKey: string;
  readonly position: LogPosition;
};

export type ApplyDeps = MoveDeps & {
  readonly now: Clock;
  readonly replicasFor: (asked: number) => number;
  /** Permits that name another operator are another's to carry out; `undefined`: every permit is ours. */
  readonly operator: Address | undefined;
};

/** The stop cause of a job whose permit's block was lost for good. */
export const lostIssue = "lost-issue";

/**
 * Applies one log to the jobs that it concerns, in the transaction that claimed its message. Applying it twice, or
 * again from a re-mined block, changes nothing more; applying its retraction undoes exactly what it did.
 */
export async function applyChainEvent(deps: ApplyDeps, tx: Tx, event: StagedEffect): Promise<void> {
  const { effect, stage } = event;
  switch (effect.effect) {
    case "issue":
      return stage === "RETRACTED"
        ? pause(deps, tx, event, effect.terms)
        : issue(deps, tx, event, effect.terms);
    case "post":
      return stage === "RETRACTED" ? unpost(deps, tx, effect) : post(deps, tx, effect);
    case "pay":
      return stage === "FINALIZED" ? settle(deps, tx, effect) : undefined;
    case "stop":
      return stage === "RETRACTED" ? unstop(deps, tx, event) : stop(deps, tx, event, effect);
    default:
      return assertNever(effect);
  }
}

/** A permit stands: a new job, or one that waited for its permit to be mined again. */
async function issue(deps: ApplyDeps, tx: Tx, { position }: StagedEffect, terms: PermitTerms): Promise<void> {
  const { jobs, now } = deps;
  if (deps.operator !== undefined && deps.operator !== terms.operator) return;
  const at = now();
  const wanted = deps.replicasFor(terms.replicas);
  const isNew = await jobs.insert(tx, {
    terms,
    region: regionName(terms.regionCode),
    wanted,
    at,
    issued: position,
  });
  if (isNew) return jobs.addTransition(tx, terms.permitId, "PERMITTED", at);
  const job = await jobs.lock(tx, terms.permitId);
  if (!job) return;
  await jobs.moveIssue(tx, job.jobId, position);
  if (job.paused) {
    await jobs.save(tx, { ...job, paused: false, lostAtBlock: undefined }, job.state);
    await jobs.addTransition(tx, job.jobId, job.state, at);
  }
  if (job.stoppedBy === lostIssue) {
    const back = await moveJob(deps, tx, { ...job, paused: false, lostAtBlock: undefined }, "reinstate", {
      at,
    });
    if (back) await applyStops(deps, tx, back, at);
  }
}

/** The permit's block is gone: the job waits for it to be mined again. */
async function pause(deps: ApplyDeps, tx: Tx, { position }: StagedEffect, terms: PermitTerms): Promise<void> {
  const job = await deps.jobs.lock(tx, terms.permitId);
  if (!job || job.paused) return;
  await deps.jobs.save(tx, { ...job, paused: true, lostAtBlock: position.block }, job.state);
  await deps.jobs.addTransition(tx, job.jobId, job.state, deps.now());
}

type Post = Extract<ChainEffect, { effect: "post" }>;

async function post(deps: ApplyDeps, tx: Tx, { permitId, commitment, uri }: Post): Promise<void> {
  const job = await deps.jobs.lock(tx, permitId);
  if (!job) return;
  await moveJob(deps, tx, job, "commit", { at: deps.now(), posted: { commitment, uri } });
}

async function unpost(deps: ApplyDeps, tx: Tx, { permitId, commitment }: Post): Promise<void> {
  const job = await deps.jobs.lock(tx, permitId);
  if (job?.posted?.commitment !== commitment) return;
  const back = await moveJob(deps, tx, job, "uncommit", { at: deps.now(), posted: undefined });
  if (back) await applyStops(deps, tx, back, deps.now());
}

async function settle(deps: ApplyDeps, tx: Tx, { permitId }: Extract<ChainEffect, { effect: "pay" }>) {
  const job = await deps.jobs.lock(tx, permitId);
  if (job) await moveJob(deps, tx, job, "settle", { at: deps.now() });
}

async function stop(
  deps: ApplyDeps,
  tx: Tx,
  { logKey, position }: StagedEffect,
  { target, end, reason }: Extract<ChainEffect, { effect: "stop" }>,
): Promise<void> {
  for (const jobId of await deps.jobs.matching(tx, target, position)) {
    await deps.jobs.addStop(tx, jobId, { logKey, end, reason });
    const job = await deps.jobs.lock(tx, jobId);
    if (job) await applyStops(deps, tx, job, deps.now());
  }
}

async function unstop(deps: ApplyDeps, tx: Tx, { logKey }: StagedEffect): Promise<void> {
  for (const jobId of await deps.jobs.removeStop(tx, logKey)) {
    const job = await deps.jobs.lock(tx, jobId);
    if (job?.stoppedBy !== logKey) continue;
    const back = await moveJob(deps, tx, job, "reinstate", { at: deps.now() });
    if (back) await applyStops(deps, tx, back, deps.now());
  }
}
