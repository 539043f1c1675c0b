import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { blockPrefixBytes, blockSeed } from "@cos/fhe";
import type { Digest, Manifest } from "@cos/protocol";
import { CosFailure } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import { writeSecretFile } from "../home/secret-file.ts";
import type { DatasetFolder } from "./dataset-folder.ts";

/** Seed and digest of each block that was published under a key: 32 bytes each, both public. */
const entryBytes = 64;

/**
 * Refuses to publish two blocks under one seed, in one folder or ever since the key exists: if their rows met, the
 * difference of two people's data would be in the clear. Seeds come from the system's generator, so this happens only where
 * that broke: a machine that was restored from a snapshot, a block that was not made by this program.
 * Repeating a publishing is no reuse: the block is the same.
 *
 * @throws SEED_REUSED, CONTAINER_MALFORMED
 */
export async function recordSeeds(home: CosHome, folder: DatasetFolder, manifest: Manifest): Promise<void> {
  const path = join(home.datasets, manifest.keyId.slice(2), "published-seeds");
  const known = await readLedger(path);
  const before = known.size;
  for (const [digest, prefix] of await folder.prefixesOf(blocksOf(manifest), blockPrefixBytes)) {
    const seed = blockSeed(prefix);
    if (!seed.ok) {
      throw new CosFailure("integrity", seed.error.code, "an encrypted object is no block of this version", {
        facts: { digest },
        hint: "encrypt again into a new folder",
      });
    }
    const key = Buffer.from(seed.value).toString("hex");
    const other = known.get(key);
    if (other !== undefined && other !== digest) {
      throw new CosFailure(
        "integrity",
        "SEED_REUSED",
        "two encrypted blocks share a seed; nothing was sent",
        {
          facts: { digest, other },
          hint: "encrypt again into a new folder, and find out why this machine repeats its random numbers",
        },
      );
    }
    known.set(key, digest);
  }
  if (known.size > before) await writeSecretFile(path, toBytes(known));
}

const blocksOf = (manifest: Manifest) =>
  manifest.arrays.flatMap((array) => array.blocks.map((b) => b.object));

async function readLedger(path: string): Promise<Map<string, Digest>> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return Buffer.alloc(0);
    throw cause;
  });
  const known = new Map<string, Digest>();
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    const seed = bytes.toString("hex", at, at + 32);
    known.set(seed, `0x${bytes.toString("hex", at + 32, at + entryBytes)}` as Digest);
  }
  return known;
}

const toBytes = (known: ReadonlyMap<string, Digest>): Uint8Array =>
  Buffer.from([...known].map(([seed, digest]) => seed + digest.slice(2)).join(""), "hex");
