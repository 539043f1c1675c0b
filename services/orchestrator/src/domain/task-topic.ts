import { anyRegion, fromRegionCode } from "@cos/protocol";

/** The name under which a permit without residency runs; every worker also serves it. */
export const anyRegionName = "any";

/** The region's name as topics carry it: lower-case letters, digits and hyphens; zeros mean `any`. */
export const regionName = (regionCode: string): string =>
  regionCode === anyRegion ? anyRegionName : fromRegionCode(regionCode);

/** `compute.tasks.<region>.v1`: where the workers of a region wait. */
export const taskTopic = (region: string): string => `compute.tasks.${region}.v1`;
