import { anyRegion, type Digest, err, ok, type Result } from "@cos/protocol";
import { regionName } from "./region-name.ts";

export type RegionConflict = { code: "REGION_CONFLICT"; permit: string; dataset: string };

/**
 * Where a job runs: in the permit's region, or, where the permit names none, in that of its datasets.
 * @errors `REGION_CONFLICT` when a dataset must stay in another region than the permit, or than another dataset
 */
export function jobRegion(permit: Digest, datasets: readonly Digest[]): Result<string, RegionConflict> {
  let region = permit;
  for (const dataset of datasets) {
    if (dataset === anyRegion || dataset === region) continue;
    if (region !== anyRegion) {
      return err({ code: "REGION_CONFLICT", permit: regionName(region), dataset: regionName(dataset) });
    }
    region = dataset;
  }
  return ok(regionName(region));
}
