import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { ensureIdentity, readPlatformFile, revokeAccess } from "@cos/client";
import type { Fleet } from "@cos/cluster";
import { newParty, type Party, type PlaintextStudy, type PlatformProcess } from "@cos/demo";
import { countPlainly, countsThatAgree, openAsOwner } from "../support/checked-result.ts";
import { Scene } from "../support/scene.ts";
import { type SmallCohort, smallCohort } from "../support/small-cohort.ts";
import type { Ground, RunJob } from "./jobs.ts";

/** A hospital with a dataset in each region, and researchers with grants to both. */
export type World = {
  readonly hospital: Party;
  readonly scenes: readonly Scene[];
  readonly cohorts: readonly SmallCohort[];
  /** What plain counting says of each dataset. */
  readonly plain: readonly PlaintextStudy[];
  readonly datasets: readonly string[];
  /** A fresh grant of one researcher to one dataset. */
  ground(researcher: number, dataset: number, maxRuns: number): Promise<Ground>;
  /** The hospital takes a grant back. */
  revoke(ground: Ground): Promise<void>;
  close(): void;
};

/** Runs what it is given one after the other, whatever becomes of each. */
function turns(): <T>(step: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (step) => {
    const mine = last.then(step, step);
    last = mine.catch(() => {});
    return mine;
  };
}

const regions = ["eu", "us"] as const;

/** Sets the world up before anything is broken: identities, money, two published datasets. */
export async function setUpWorld(
  fleet: Pick<Fleet, "platformFile" | "folder">,
  dir: string,
  researchers: number,
): Promise<World> {
  await mkdir(dir, { recursive: true });
  const platform = await readPlatformFile(fleet.platformFile);
  const process = { platform, platformFile: fleet.platformFile } as PlatformProcess;
  const hospital = await newParty(join(dir, "hospital"), "hospital", platform);
  await ensureIdentity(hospital.client, hospital.account);
  const scenes: Scene[] = [];
  for (let i = 0; i < researchers; i++) {
    const party = await newParty(join(dir, `researcher-${i}`), `researcher-${i}`, platform);
    await ensureIdentity(party.client, party.account);
    const home = join(dir, `scene-${i}`);
    await mkdir(home, { recursive: true });
    scenes.push(Scene.on(home, process, fleet.folder, [hospital, party]));
  }
  const [scene] = scenes;
  if (scene === undefined) throw new RangeError("no researcher");
  // One account's transactions carry one row of nonces, so the hospital does one thing after the other.
  const inTurn = turns();
  const cohorts: SmallCohort[] = [];
  const datasets: string[] = [];
  for (const [i, region] of regions.entries()) {
    const cohort = await smallCohort(dir, { seed: i + 1 });
    cohorts.push(cohort);
    datasets.push((await scene.publish(cohort.files, ["DUO:0000006"], { region })).datasetId);
  }
  for (const each of scenes) await each.credit(each.researcher.account.address, 100_000_000n);
  return {
    hospital,
    scenes,
    cohorts,
    plain: await Promise.all(cohorts.map(({ files }) => countPlainly(files))),
    datasets,
    ground: async (researcher, dataset, maxRuns) => {
      const by = scenes[researcher];
      const cohort = cohorts[dataset];
      const datasetId = datasets[dataset];
      if (!by || !cohort || datasetId === undefined) throw new RangeError("no such researcher or dataset");
      const terms = { ...by.paid(), maxRuns, region: regions[dataset] ?? "", graceSeconds: 3_600 };
      const { grantId } = await inTurn(() => by.grant(datasetId, terms));
      return { scene: by, datasetId, grantId, trait: cohort.trait, dataset };
    },
    revoke: async ({ grantId }) => {
      await inTurn(() => revokeAccess(hospital.client, hospital.account, { grantId }));
    },
    close: () => {
      hospital.client.close();
      for (const each of scenes) each.researcher.client.close();
    },
  };
}

/** Opens a completed job as its owner and compares every count with plain counting. */
export async function openAndCompare(
  world: World,
  job: RunJob,
): Promise<{ compared: number; recomputed: boolean }> {
  const { scene, dataset } = job.ground;
  const { opened, recomputed } = await openAsOwner(scene, job.permitId);
  const plain = world.plain[dataset];
  if (plain === undefined) throw new RangeError("no such dataset");
  return { compared: countsThatAgree(opened, plain), recomputed };
}
