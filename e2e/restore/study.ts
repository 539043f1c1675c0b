import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ensureIdentity, readPlatformFile, revokeAccess } from "@cos/client";
import { newParty, type Party, type PlatformProcess } from "@cos/demo";
import { type ChainState, chainState } from "../faults/jobs.ts";
import { countPlainly, countsThatAgree, openAsOwner } from "../support/checked-result.ts";
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
  /** Opens a result as its owner and compares every count with plain counting. @returns numbers compared */
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
    open: async ({ permitId }) => countsThatAgree((await openAsOwner(scene, permitId)).opened, plain),
    release: async ({ permitId, requestFile }) => {
      await scene.release((await openAsOwner(scene, permitId)).opened, requestFile);
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
