import { anyRegion, fromRegionCode } from "@cos/protocol";

/** The region of permits without residency; its topic is `compute.tasks.any.v1`. */
export const anyRegionName = "any";

/** The region's name as topics carry it; zeros mean `any`. */
export const regionName = (regionCode: string): string =>
  regionCode === anyRegion ? anyRegionName : fromRegionCode(regionCode);
