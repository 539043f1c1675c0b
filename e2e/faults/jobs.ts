import { setTimeout as delay } from "node:timers/promises";
import { type CosClient, type PermitDraft, type PermitState, permitStates } from "@cos/client";
import type { Scene } from "../support/scene.ts";
import { stubborn } from "./stubborn.ts";

export type ChainState = PermitState;

export async function chainState(client: CosClient, permitId: string): Promise<ChainState> {
  const state = await client.chain.read<bigint>("JobPermits", "stateOf", [permitId]);
  return permitStates[Number(state)] ?? "NONE";
}

/** One dataset with a researcher's way to it. */
export type Ground = {
  readonly scene: Scene;
  readonly datasetId: string;
  readonly grantId: string;
  readonly trait: string;
  /** Index of the dataset, by which the plain counts are found. */
  readonly dataset: number;
};

export type RunJob = {
  readonly permitId: string;
  readonly ground: Ground;
  readonly revoked: boolean;
  readonly issuedAtMs: number;
};

/** Drafts, signs and issues one permit, however often something on the way fails; once issued it is issued once. */
export async function issueJob(
  ground: Ground,
  untilMs: number,
): Promise<{ permitId: string; retries: number }> {
  const { scene, datasetId, grantId, trait } = ground;
  let retries = 0;
  const again = { untilMs, onRetry: () => void retries++ };
  const draft = await stubborn(
    () => scene.draft(datasetId, grantId, trait, { validSeconds: 3_600, releaseWindowSeconds: 45 }),
    again,
  );
  await ensureIssued(scene, draft, datasetId, again);
  return { permitId: draft.permitId, retries };
}

/** A permit has one id whoever sends it how often: it is sent only while the chain does not have it. */
async function ensureIssued(
  scene: Scene,
  draft: PermitDraft,
  datasetId: string,
  again: { untilMs: number; onRetry: () => void },
): Promise<void> {
  const { client } = scene.researcher;
  await stubborn(async () => {
    if ((await chainState(client, draft.permitId)) !== "NONE") return;
    await scene.issue(draft, datasetId);
  }, again);
  drafts.set(draft.permitId, { scene, draft, datasetId });
}

const drafts = new Map<string, { scene: Scene; draft: PermitDraft; datasetId: string }>();

/** A reorganisation may have taken a permit's block away: its grantee sends it again. Answers whether it had to. */
export async function reissueLost(permitId: string, untilMs: number): Promise<boolean> {
  const sent = drafts.get(permitId);
  if (sent === undefined) return false;
  const { scene, draft, datasetId } = sent;
  if ((await chainState(scene.researcher.client, permitId)) !== "NONE") return false;
  await ensureIssued(scene, draft, datasetId, { untilMs, onRetry: () => {} });
  return true;
}

/** Waits until the chain holds an end, or as good as one, of every permit; sends lost ones again. */
export async function untilEnded(
  jobs: readonly RunJob[],
  options: { untilMs: number; isEnd: (state: ChainState) => boolean; onProgress?: (left: number) => void },
): Promise<{ left: RunJob[]; reissued: number }> {
  let left = [...jobs];
  let reissued = 0;
  while (left.length > 0 && performance.now() < options.untilMs) {
    const still: RunJob[] = [];
    for (const job of left) {
      const state = await chainState(job.ground.scene.researcher.client, job.permitId).catch(
        () => "NONE" as const,
      );
      if (options.isEnd(state)) continue;
      if (state === "NONE" && (await reissueLost(job.permitId, options.untilMs).catch(() => false)))
        reissued++;
      still.push(job);
    }
    left = still;
    options.onProgress?.(left.length);
    if (left.length > 0) await delay(500);
  }
  return { left, reissued };
}
