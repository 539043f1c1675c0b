import { homedir } from "node:os";
import { join } from "node:path";

/** Where fetched parts are kept between runs, outside the repository. */
export const cacheFolder = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "cos-parts");
