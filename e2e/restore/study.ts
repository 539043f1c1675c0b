import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  CosFailure,
  ensureIdentity,
  type OpenedPermit,
  openCohort,
  readPlatformFile,
  revokeAccess,
} from "@cos/client";
import {
  compareCounts,
  newParty,
  type Party,
  type PlaintextStudy,
  type PlatformProcess,
  plaintextStudy,
} from "@cos/demo";
import { type ChainState, chainState } from "../faults/jobs.ts";
import { Scene } from "../support/scene.ts";
import { smallCohort } from "../support/small-cohort.ts";
import type { Ground } from "./ground.ts";

/** A permit of the study. */
export type StudyJob = {
  readonly permitId: string;
  readonly grantId: string;
  readonly requestFile: string;
  /** What it is for, in the tables. */
  readonly what: string;
};

/** A hospital with a dataset, a researcher, and what plain counting says of the dataset. */
export type Study = {
  readonly scene: Scene;
  readonly hospital: Party;
  readonly researcher: Party;
  readonly accounts: readonly string[];
  /** A permit on a grant of its own. @param releaseSeconds that the owner has to release, before the share goes back */
  issue(what: string, releaseSeconds: number): Promise<StudyJob>;
  revoke(job: StudyJob): Promise<void>;
  /**
   * Opens a result as its owner and compares every count with plain counting. Where the fleet was so thin that one worker
   * computed both replicas, the owner trusts nobody and computes the sums again. @returns numbers compared
   */
  open(job: StudyJob): Promise<number>;
  release(job: StudyJob): Promise<void>;
  stateOf(job: StudyJob): Promise<ChainState>;
  until(jobs: readonly StudyJob[], states: readonly ChainState[]): Promise<void>;
  close(): void;
};

export async function setUpStudy({ fleet }: Pick<Ground, "fleet">, dir: string): Promise<Study> {
  await mkdir(dir, { recursive: true });
  const platform = await readPlatformFile(fleet.platformFile);
  const hospital = await newParty(join(dir, "hospital"), "hospital", platform);
  const researcher = await newParty(join(dir, "researcher"), "researcher", platform);
  for (const { client, account } of [hospital, researcher]) await ensureIdentity(client, account);
  const process = { platform, platformFile: fleet.platformFile } as PlatformProcess;
  const scene = Scene.on(dir, process, fleet.folder, [hospital, researcher]);
  const { files, trait } = await smallCohort(dir);
  const { datasetId } = await scene.publish(files);
  await scene.credit(researcher.account.address, 10_000_000n);
  const plain = await countPlainly(files);
  const stateOf = ({ permitId }: StudyJob) => chainState(researcher.client, permitId);
  return {
    scene,
    hospital,
    researcher,
    accounts: [hospital, researcher]
      .map(({ account }) => account.address as string)
      .concat(platform.operator ?? []),
    issue: async (what, releaseWindowSeconds) => {
      const { grantId, requestFile } = await scene.grant(datasetId, {
        ...scene.paid(),
        maxRuns: 1,
        graceSeconds: 3_600,
      });
      const draft = await scene.draft(datasetId, grantId, trait, {
        validSeconds: 3_600,
        releaseWindowSeconds,
      });
      const { permitId } = await scene.issue(draft, datasetId);
      return { permitId, grantId, requestFile, what };
    },
    revoke: async ({ grantId }) => {
      await revokeAccess(hospital.client, hospital.account, { grantId });
    },
    open: async ({ permitId }) => {
      const opened = await openTrusted(scene, permitId);
      const { equal, countsCompared, firstDifference } = compareCounts(opened.result, plain);
      if (!equal) throw new Error(`the opened sums are wrong: ${firstDifference}`);
      return countsCompared;
    },
    release: async ({ permitId, requestFile }) => {
      await scene.release(await openTrusted(scene, permitId), requestFile);
    },
    stateOf,
    until: async (jobs, states) => {
      const limit = performance.now() + 180_000;
      for (const job of jobs) {
        let state = await stateOf(job);
        while (!states.includes(state)) {
          if (performance.now() > limit) {
            throw new Error(`${job.what} (${job.permitId}) is ${state}, not ${states.join(" or ")}`);
          }
          await delay(200);
          state = await stateOf(job);
        }
      }
    },
    close: () => {
      hospital.client.close();
      researcher.client.close();
    },
  };
}

async function openTrusted(scene: Scene, permitId: string): Promise<OpenedPermit> {
  try {
    return await scene.openResult(permitId);
  } catch (cause) {
    if (!(cause instanceof CosFailure) || cause.code !== "REPLICAS_MISSING") throw cause;
    return scene.openResult(permitId, { recompute: true });
  }
}

async function countPlainly(files: Parameters<typeof openCohort>[0]): Promise<PlaintextStudy> {
  const { source, traits } = await openCohort(files);
  const [trait] = traits;
  if (trait === undefined) throw new RangeError("a cohort without a trait");
  const plain = await plaintextStudy(source, trait);
  await source.close();
  return plain;
}
