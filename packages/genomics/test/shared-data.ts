import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../../../../shared/data/", import.meta.url);

/** The real data of the project, beside the repository; it is not copied into it. */
export const sharedData = (name: string): string => fileURLToPath(new URL(name, folder));

/** Null when the data are there, else the reason that a skipped test states. */
export const sharedDataMissing = existsSync(folder)
  ? null
  : "../shared/data is missing, so PLINK's answers are not compared";
