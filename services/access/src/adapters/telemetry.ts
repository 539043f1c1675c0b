import type { SetFigure, Telemetry } from "@cos/telemetry";
import type { CheckAccessAnswer, CheckAccessCommand } from "../app/check-access.ts";
import type { MirrorStep } from "../app/mirror.ts";
import type { MirrorMonitor } from "../app/mirror-monitor.ts";
import type { MirrorStore, StagedLog } from "../app/mirror-store.ts";
import { subjectsOf } from "../domain/subjects-of.ts";

/** Where a published log's message belongs: the W3C `traceparent` of its permit's trace; undefined for other logs. */
export type TraceOfLog = (staged: StagedLog) => string | undefined;

/**
 * A permit's trace begins at the block that issues it and ends at the block that settles it: each of its logs is a span
 * from its block's time to its publication, the issuing one the root of all.
 */
export const tracePermits =
  (telemetry: Telemetry): TraceOfLog =>
  ({ log, stage }) => {
    telemetry.metrics.count("mirrorLogs", { stage });
    const permit = subjectsOf(log.fact).find(({ kind }) => kind === "permit");
    if (permit === undefined || !ofJobs.test(log.fact.$case)) return undefined;
    const times = { startMs: log.blockTime * 1000 };
    const attributes = {
      "cos.event": log.fact.$case,
      "cos.stage": stage,
      "cos.block_number": log.blockNumber,
    };
    if (log.fact.$case === "jobPermitIssued" && stage === "confirmed") {
      return telemetry.noteJobRoot(permit.id, "chain jobPermitIssued", times, attributes);
    }
    return telemetry.noteJobSpan(permit.id, `chain ${log.fact.$case} ${stage}`, times, attributes);
  };

/** Logs about a job. Others are kept under a permit too, but under the hash of a bond or before there is a permit. */
const ofJobs = /^(job|run|replica)/;

/** Reads the mirror's progress at each scrape. `now`: Unix seconds. */
export function watchMirror(
  { metrics }: Telemetry,
  { monitor, store, now }: { monitor: Pick<MirrorMonitor, "read">; store: MirrorStore; now: () => number },
): void {
  metrics.collect("mirror", (set) => {
    const { tip, head, state, syncedAt, dispute } = monitor.read();
    set("mirrorHalted", {}, state === "halted" ? 1 : 0);
    set("rpcDisagreement", {}, dispute === undefined ? 0 : 1);
    if (head >= 0) set("mirrorLagBlocks", {}, Math.max(0, head - tip));
    if (syncedAt > 0) set("mirrorLagSeconds", {}, Math.max(0, now() - syncedAt));
  });
  metrics.collect("mirror-heights", (set) => setHeights(set, store));
}

async function setHeights(set: SetFigure, store: MirrorStore): Promise<void> {
  const known = await store.state();
  if (known === undefined) return;
  const { mirrored, confirmedNumber, finalizedNumber } = known.cursor;
  set("mirrorTip", { stage: "mirrored" }, mirrored.number);
  set("mirrorTip", { stage: "confirmed" }, confirmedNumber);
  set("mirrorTip", { stage: "finalized" }, finalizedNumber);
}

/** Counts what a step did. @param tipBefore height of the mirror before it */
export function countStep({ metrics }: Telemetry, step: MirrorStep, tipBefore: number): void {
  if (step.did === "rolled-back") metrics.observe("mirrorReorgDepth", {}, Math.max(1, tipBefore - step.to));
}

/** Counts answers by the clause that refused. */
export const countDecisions =
  ({ metrics }: Telemetry, check: (command: CheckAccessCommand) => Promise<CheckAccessAnswer>) =>
  async (command: CheckAccessCommand): Promise<CheckAccessAnswer> => {
    const answer = await check(command);
    const { decision } = answer;
    const clause = decision.ok ? "0" : "clause" in decision.error ? String(decision.error.clause) : "none";
    metrics.count("accessDecisions", { allowed: decision.ok ? "yes" : "no", clause });
    return answer;
  };
