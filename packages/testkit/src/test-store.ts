import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openEmbeddedStore, type Store } from "@cos/store";
import { tempFolder } from "./temp-folder.ts";

/** An embedded store in a folder of its own. */
export type TestStore = {
  readonly store: Store;
  readonly dataDir: string;
  /** Closes the store and removes its folder. */
  dispose(): Promise<void>;
};

/**
 * Opens an empty embedded store in well under a second: the slow part, initialising a Postgres cluster, is done once per
 * machine and version, and copied.
 */
export async function openTestStore(): Promise<TestStore> {
  const folder = await tempFolder("store");
  await cp(await template(), folder.path, { recursive: true });
  const store = await openEmbeddedStore({ dataDir: folder.path });
  return {
    store,
    dataDir: folder.path,
    dispose: async () => {
      await store.close();
      await folder.remove();
    },
  };
}

async function template(): Promise<string> {
  const manifest = fileURLToPath(new URL("../package.json", import.meta.resolve("@electric-sql/pglite")));
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  const ready = join(tmpdir(), `cos-store-template-${version}-${process.getuid?.() ?? 0}`);
  if (existsSync(ready)) return ready;
  const fresh = await mkdtemp(`${ready}-`);
  await (await openEmbeddedStore({ dataDir: fresh })).close();
  // Test files run in parallel: the first to finish gives its folder the name, the others use that one.
  await rename(fresh, ready).catch(() => rm(fresh, { recursive: true }));
  return ready;
}
