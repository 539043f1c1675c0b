import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** A folder for one test file, removed when its tests are done. */
export async function tempFolder(): Promise<{
  path: (name: string) => string;
  write: (name: string, content: string | Uint8Array) => Promise<string>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "genomics-"));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  return {
    path,
    write: async (name, content) => {
      await writeFile(path(name), content);
      return path(name);
    },
  };
}
