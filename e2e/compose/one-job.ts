import { join } from "node:path";
import { openAndCompare, setUpWorld } from "../faults/study.ts";

export type JobsDone = { readonly jobs: number; readonly countsCompared: number };

/**
 * A hospital publishes a dataset in each region, a researcher runs one paid job on each, the hospital opens what came
 * out and compares every count with plain counting.
 * @param folder holds the operator's keys, of whom a researcher gets credits
 */
export async function oneJobPerRegion(platformFile: string, folder: string, dir: string): Promise<JobsDone> {
  const world = await setUpWorld({ platformFile, folder }, join(dir, "world"), 1);
  try {
    let countsCompared = 0;
    for (const dataset of world.datasets.keys()) {
      const ground = await world.ground(0, dataset, 5);
      const { scene, datasetId, grantId, trait } = ground;
      const draft = await scene.draft(datasetId, grantId, trait);
      const { permitId } = await scene.issue(draft, datasetId);
      await scene.committed(permitId);
      const job = { permitId, ground, revoked: false, issuedAtMs: Date.now() };
      countsCompared += (await openAndCompare(world, job)).compared;
    }
    return { jobs: world.datasets.length, countsCompared };
  } finally {
    world.close();
  }
}
