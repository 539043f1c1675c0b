import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDirectoryStore } from "./directory-store.ts";
import type { ObjectStore } from "./object-store.ts";
import { startSignedUrlServer } from "./signed-url-server.ts";

export interface EmbeddedObjects {
  readonly store: ObjectStore;
  /** Root of the signed URLs. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * The embedded object store: a folder and the server of its signed URLs.
 *
 * @param options.dataDir folder for the objects and, 0600, the secret that signs URLs
 * @param options.port    0 picks a free one
 * @param options.now     unix seconds
 */
export async function openEmbeddedObjects(options: {
  dataDir: string;
  host?: string;
  port?: number;
  now?: () => number;
}): Promise<EmbeddedObjects> {
  const { dataDir, host = "127.0.0.1", port = 0, now = () => Math.floor(Date.now() / 1000) } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const server = await startSignedUrlServer({ host, port, now, secret: await secretOf(dataDir) });
  const store = await openDirectoryStore(join(dataDir, "store"), server.presign);
  server.serve(store);
  return { store, url: server.url, close: server.close };
}

async function secretOf(dataDir: string): Promise<Uint8Array> {
  const file = join(dataDir, "url-secret");
  try {
    await writeFile(file, randomBytes(32), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  return readFile(file);
}
