import { homedir } from "node:os";
import { join } from "node:path";

/** Where programs and schemas are kept between runs, outside the repository. */
export const deployCache = (): string =>
  join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "cos-deploy");
