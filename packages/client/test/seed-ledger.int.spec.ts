import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countsProfile, type DatasetKey, type EncryptedBlock, generateDatasetKey, OwnerPool } from "@cos/fhe";
import { digestOfBytes, type Manifest } from "@cos/protocol";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DatasetFolder } from "../src/datasets/dataset-folder.ts";
import { recordSeeds } from "../src/datasets/seed-ledger.ts";
import { type CosHome, cosHome } from "../src/home/cos-home.ts";

let folder: string;
let home: CosHome;
let key: DatasetKey;
let blocks: EncryptedBlock[];
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-seeds-"));
  key = await generateDatasetKey([countsProfile]);
  const pool = new OwnerPool(key, 1);
  blocks = await Promise.all(
    [0, 1].map((rowBlock) =>
      pool.encrypt({
        profile: countsProfile,
        label: { array: "a", segment: "s1", variantBlock: null, rowBlock },
        ciphertextsPerRow: 1,
        coefficientsPerCiphertext: 1,
        coefficients: Uint32Array.of(1),
        streamIndexes: Uint32Array.of(rowBlock),
      }),
    ),
  );
  await pool.close();
});
beforeEach(() => {
  home = cosHome(join(folder, `home-${count++}`));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A folder with these objects, and what its manifest says of them. */
async function folderOf(objects: readonly Uint8Array[]): Promise<[DatasetFolder, Manifest]> {
  const dataset = new DatasetFolder(join(folder, `dataset-${count++}`));
  await dataset.create();
  const refs = objects.map((bytes) => ({ digest: digestOfBytes(bytes), sizeBytes: bytes.length }));
  for (const [i, bytes] of objects.entries()) await dataset.sink(refs[i]!, bytes);
  const arrays = [{ blocks: refs.map((object) => ({ object })) }];
  return [dataset, { keyId: key.keyId, arrays } as unknown as Manifest];
}

/** Another block under the first's seed: as if a machine had drawn the same random numbers twice. */
function sameSeed(): Uint8Array {
  const bytes = (blocks[0] as EncryptedBlock).bytes.slice();
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1;
  return bytes;
}

describe("recordSeeds", () => {
  it("lets a folder be published, again and again", async () => {
    const [dataset, manifest] = await folderOf(blocks.map((block) => block.bytes));
    await recordSeeds(home, dataset, manifest);
    await recordSeeds(home, dataset, manifest);
  });

  it("refuses two blocks of one folder under one seed", async () => {
    const [dataset, manifest] = await folderOf([(blocks[0] as EncryptedBlock).bytes, sameSeed()]);
    await expect(recordSeeds(home, dataset, manifest)).rejects.toMatchObject({ code: "SEED_REUSED" });
  });

  it("refuses a seed that another version of the dataset was published with", async () => {
    await recordSeeds(home, ...(await folderOf([(blocks[0] as EncryptedBlock).bytes])));
    await expect(recordSeeds(home, ...(await folderOf([sameSeed()])))).rejects.toMatchObject({
      code: "SEED_REUSED",
    });
    await recordSeeds(home, ...(await folderOf([(blocks[1] as EncryptedBlock).bytes])));
  });

  it("refuses an object that is no block, and passes over those that lie elsewhere", async () => {
    const [dataset, manifest] = await folderOf([new Uint8Array(100)]);
    await expect(recordSeeds(home, dataset, manifest)).rejects.toMatchObject({ code: "CONTAINER_MALFORMED" });
    const [empty] = await folderOf([]);
    await recordSeeds(home, empty, manifest);
  });
});
