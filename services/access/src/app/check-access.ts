import type { AccessQuery, GrantId, Result } from "@cos/protocol";
import { type AccessFacts, type CheckError, checkAccess } from "../domain/check-access.ts";
import { fold, type Kind, type ReadModels } from "../domain/read-models.ts";
import type { MirrorMonitor } from "./mirror-monitor.ts";
import type { ReadModelQueries } from "./read-model-queries.ts";

export type CheckAccessCommand = AccessQuery & {
  readonly grantId: GrantId;
  /** A permit under way, whose own reservation is not counted against it. */
  readonly permitId?: string;
};

export type CheckAccessDeps = {
  readonly models: ReadModelQueries;
  readonly monitor: Pick<MirrorMonitor, "read">;
  /** Unix seconds. */
  readonly now: () => number;
  /** Confirmations that permission needs; at 0 head and confirmed are one. */
  readonly depth: number;
  readonly maxLagSeconds: number;
};

/** One answer: the decision, and the mirrored height that it rests on. */
export type CheckAccessAnswer = {
  readonly decision: Result<{ readonly version: number }, CheckError>;
  readonly blockNumber: number;
};

/** Answers "may X do Y on Z now?" from the mirror. */
export const answerCheckAccess =
  ({ models, monitor, now, depth, maxLagSeconds }: CheckAccessDeps) =>
  async (command: CheckAccessCommand): Promise<CheckAccessAnswer> => {
    const block = await models.mirroredBlockTime();
    const confirmed = await loadFacts((kind, id) => models.get(kind, id), command);
    const head = depth === 0 ? confirmed : await loadFacts((kind, id) => atHead(models, kind, id), command);
    const { tip, ...freshness } = monitor.read();
    const mirror = { ...freshness, maxLagSeconds };
    const instants = { clock: now(), block };
    return {
      decision: checkAccess({ confirmed, head }, command, command.permitId, instants, mirror),
      blockNumber: Math.max(0, tip),
    };
  };

type Load = <K extends Kind>(kind: K, id: string) => Promise<ReadModels[K] | undefined>;

async function loadFacts(load: Load, { grantId, datasetId }: CheckAccessCommand): Promise<AccessFacts> {
  const grant = await load("grant", grantId);
  const dataset = await load("dataset", datasetId);
  return {
    grant,
    dataset,
    granteeIdentity: grant && (await load("identity", grant.sbtId)),
    ownerIdentity: dataset && (await load("identity", dataset.sbtId)),
  };
}

async function atHead<K extends Kind>(models: ReadModelQueries, kind: K, id: string) {
  const confirmed = await models.get(kind, id);
  return fold(kind, confirmed, await models.unconfirmedLogsAbout({ kind, id }));
}
