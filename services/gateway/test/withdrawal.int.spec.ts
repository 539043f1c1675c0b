import { randomBytes } from "node:crypto";
import { objectKey } from "@cos/objects";
import { Stage } from "@cos/proto/chain";
import { type Digest, digestOfBytes, manifestBytes } from "@cos/protocol";
import { Wallet } from "ethers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type StoredVersion, storeObject, storeParts, storeVersion } from "./dataset-fixture.ts";
import { bytesOf, GatewayHarness, until } from "./gateway-harness.ts";

const harness = new GatewayHarness({ duplicates: true, settings: { COS_GATEWAY_RETRY_SECONDS: "1" } });
let owner: ReturnType<typeof Wallet.createRandom>;
let sbt: string;
let id: string;
let strangerId: string;
const stranger = Wallet.createRandom();

beforeAll(async () => {
  await harness.start();
  await harness.mintIdentity(stranger, "9");
});
afterAll(() => harness.stop());

let count = 100;
beforeEach(async () => {
  count += 1;
  [owner, sbt, id, strangerId] = [Wallet.createRandom(), `${count}`, `${count}`, `${count}66`];
  await harness.mintIdentity(owner, sbt);
});

const stands = async (digest: Digest): Promise<boolean> =>
  (await harness.objects.store.head(objectKey(digest))).ok;
const standing = (digests: readonly Digest[]) => Promise.all(digests.map(stands));

const register = (datasetId: string, sbtId = sbt, wallet = owner) =>
  harness.mirror({
    $case: "datasetRegistered",
    value: { datasetId, sbtId, owner: bytesOf(wallet.address) } as never,
  });
const versioned = (datasetId: string, version: number, reason: string, stored: StoredVersion) =>
  harness.mirror({
    $case: "datasetVersioned",
    value: {
      datasetId,
      version,
      reason,
      manifestUri: stored.uri,
      manifestCommitment: bytesOf(stored.commitment),
    } as never,
  });
const finalize = (event: Awaited<ReturnType<typeof versioned>>) =>
  harness.mirror(event.event as never, Stage.STAGE_FINALIZED, event);
const deletionDone = (datasetId = id) =>
  until(async () => {
    const { rows } = await harness.db.query<{ done: boolean }>(
      "SELECT done FROM deletions WHERE dataset_id = $1",
      [datasetId],
    );
    return rows.length > 0 && rows.every(({ done }) => done);
  });

/** Puts objects through the gateway, as `wallet`'s own. */
async function putAll(wallet: typeof owner, objects: readonly Uint8Array[]): Promise<number[]> {
  const { transferToken } = await harness.startUpload(wallet, 1_000_000);
  return Promise.all(
    objects.map(async (body) => {
      const response = await fetch(harness.object(digestOfBytes(body)), {
        method: "PUT",
        headers: { authorization: `Bearer ${transferToken}` },
        body: body as never,
      });
      return response.status;
    }),
  );
}

/** Version 1 with three row blocks; version 2 without the people of the second and the third, re-encrypted into one. */
async function withdrawTwo(store = harness.objects.store) {
  const parts = await storeParts(store);
  const [kept, second, third] = parts.genotypes;
  const v1 = await storeVersion(store, 1, "append", parts);
  const fresh = await storeObject(store, randomBytes(900));
  const trait = await storeObject(store, randomBytes(600));
  const v2 = await storeVersion(store, 2, "withdraw", { ...parts, genotypes: [kept!, fresh], trait });
  return { v1, v2, gone: [second!, third!, parts.trait], kept: [kept!, fresh, trait, parts.axis] };
}
const digests = (refs: readonly { digest: Digest }[]) => refs.map(({ digest }) => digest);

describe("withdrawing people", () => {
  it("deletes their rows once the new version is final, and not before", async () => {
    const { v1, v2, gone, kept } = await withdrawTwo();
    await register(id);
    await versioned(id, 1, "initial", v1);
    const withdrawn = await versioned(id, 2, "withdraw", v2);
    expect(await standing(digests(gone))).toEqual([true, true, true]);
    await finalize(withdrawn);
    await deletionDone();
    expect(await standing(digests(gone))).toEqual([false, false, false]);
    expect(await standing([...digests(kept), v1.ref.digest, v2.ref.digest])).toEqual(Array(6).fill(true));
  });

  it("deletes nothing for an append or a correction", async () => {
    const { v1, v2, gone } = await withdrawTwo();
    await register(id);
    await versioned(id, 1, "initial", v1);
    for (const reason of ["append", "correct"]) await finalize(await versioned(id, 2, reason, v2));
    expect(await standing(digests(gone))).toEqual([true, true, true]);
    const { rows } = await harness.db.query("SELECT 1 FROM deletions WHERE dataset_id = $1", [id]);
    expect(rows).toHaveLength(0);
  });

  it("waits while the new manifest is missing or not what was committed to, then goes on by itself", async () => {
    const { v1, v2, gone } = await withdrawTwo();
    const manifest = manifestBytes(v2.manifest);
    await harness.objects.store.delete(objectKey(v2.ref.digest));
    await register(id);
    await versioned(id, 1, "initial", v1);
    await finalize(await versioned(id, 2, "withdraw", v2));
    expect(await standing(digests(gone))).toEqual([true, true, true]);
    const key = objectKey(v2.ref.digest);
    const other = manifestBytes({ ...v2.manifest, species: "mouse" });
    await harness.objects.store.put(key, other, { sizeBytes: other.length });
    await harness.shutDown();
    await harness.boot();
    expect(await standing(digests(gone))).toEqual([true, true, true]);
    await harness.objects.store.put(key, manifest, { sizeBytes: manifest.length, digest: v2.ref.digest });
    await deletionDone();
    expect(await standing(digests(gone))).toEqual([false, false, false]);
  });

  it("finishes at the next start what a crash interrupted, and finds rows that came back another way", async () => {
    const { v1, v2, gone } = await withdrawTwo();
    const row = await readBack(gone[0]!.digest);
    await register(id);
    await versioned(id, 1, "initial", v1);
    await finalize(await versioned(id, 2, "withdraw", v2));
    await deletionDone();
    await harness.shutDown();
    const restored = gone[0]!.digest;
    await harness.withObjects((store) => store.put(objectKey(restored), row, { sizeBytes: row.length }));
    await harness.boot();
    await until(async () => !(await stands(restored)));
  });

  it("does not let a withdrawn row be uploaded again", async () => {
    const { v1, v2, gone } = await withdrawTwo();
    const row = await readBack(gone[0]!.digest);
    await register(id);
    await versioned(id, 1, "initial", v1);
    await finalize(await versioned(id, 2, "withdraw", v2));
    await deletionDone();
    expect(await putAll(owner, [row, randomBytes(10)])).toEqual([410, 201]);
    expect(await stands(gone[0]!.digest)).toBe(false);
  });

  it.each([
    ["who uploaded them is remembered", true],
    ["the tables that said so were lost", false],
  ])(
    "a stranger's manifest neither keeps the rows alive nor, by withdrawing, deletes them: %s",
    async (_, known) => {
      const { v1, v2, gone, kept } = await withdrawTwo();
      const blocks = await Promise.all([...v1.blocks, ...v2.blocks].map(({ digest }) => readBack(digest)));
      await putAll(owner, blocks);
      if (!known) await harness.db.query("DELETE FROM uploads");
      await register(id);
      await versioned(id, 1, "initial", v1);

      await register(strangerId, "9", stranger);
      await versioned(strangerId, 1, "initial", v1);
      await finalize(
        await harness.mirror({
          $case: "datasetStatusChanged",
          value: { datasetId: strangerId, status: "withdrawn" } as never,
        }),
      );
      await deletionDone(strangerId);
      expect(await standing(digests(v1.blocks))).toEqual([true, true, true, true]);

      await register(`${strangerId}7`, "9", stranger);
      await versioned(`${strangerId}7`, 1, "initial", v1);
      await versioned(id, 2, "withdraw", v2).then(finalize);
      await until(async () => (await standing(digests(gone))).every((there) => !there));
      expect(await standing(digests(kept))).toEqual([true, true, true, true]);
    },
  );

  it("withdrawing the dataset takes everything, manifests included, and frees the quota", async () => {
    const { v1, v2 } = await withdrawTwo();
    const refs = [...v1.blocks, v1.axis, v1.ref, v2.ref];
    await putAll(owner, await Promise.all(refs.map(({ digest }) => readBack(digest))));
    await register(id);
    await versioned(id, 1, "initial", v1);
    await versioned(id, 2, "append", v2);
    await finalize(
      await harness.mirror({
        $case: "datasetStatusChanged",
        value: { datasetId: id, status: "withdrawn" } as never,
      }),
    );
    await deletionDone();
    expect((await standing([...digests(refs), ...digests(v2.blocks)])).every((there) => !there)).toBe(true);
    const { rows } = await harness.db.query<{ used_bytes: bigint }>(
      "SELECT used_bytes FROM upload_usage WHERE sbt_id = $1",
      [sbt],
    );
    expect(rows[0]?.used_bytes).toBe(0n);
  });
});

async function readBack(digest: Digest): Promise<Buffer> {
  const found = await harness.objects.store.get(objectKey(digest));
  if (!found.ok) throw new Error(found.error.code);
  const pieces: Uint8Array[] = [];
  for await (const piece of found.value.body) pieces.push(piece);
  return Buffer.concat(pieces);
}
