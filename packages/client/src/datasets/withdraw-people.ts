import { setTimeout as delay } from "node:timers/promises";
import { type Withdrawal, withdrawRows } from "@cos/programs";
import { type Digest, digestOfBytes, manifestBytes, manifestCommitment, rowsOf } from "@cos/protocol";
import type { CosClient } from "../cos-client.ts";
import { CosFailure, factsOf } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { DatasetVault } from "../keystore/dataset-vault.ts";
import type { Progress, Transfer, Upload } from "../objects/transfers.ts";
import { openSecret, secretBytes } from "./dataset-secret.ts";
import type { Keyring } from "./keyring.ts";
import { keyOfDataset } from "./own-datasets.ts";
import { publishVersion, uploadAll } from "./publish-dataset.ts";
import { fetchManifest, objectUri, openOwnDataset, readDataset, readVersion } from "./published-dataset.ts";

/** What an owner can hand to whoever withdrew: what was deleted, where, and when. Names nobody. */
export type WithdrawalCertificate = {
  readonly format: "cos-withdrawal-certificate/1";
  readonly datasetId: string;
  readonly people: number;
  readonly reason: "withdraw" | "consent";
  readonly fromVersion: number;
  readonly toVersion: number;
  readonly fromCommitment: Digest;
  readonly toCommitment: Digest;
  readonly transaction: string;
  /** Unix seconds of the block. */
  readonly effectiveAt: number;
  /** Objects that held the rows, each with whether the store still has it. */
  readonly deletedObjects: readonly { digest: Digest; sizeBytes: number; gone: boolean }[];
  readonly allGone: boolean;
};

/**
 * Deletes people's rows everywhere: rewrites the blocks without them, anchors a version that bars every earlier one, and
 * waits until the store has let go of the old blocks. Nothing is decrypted. Needs no tested kit: leaving is never barred.
 *
 * @param people ids, or `FID<tab>IID`
 */
export async function withdrawPeople(
  client: CosClient,
  ring: Keyring & { readonly account: Account },
  datasetId: string,
  people: readonly string[],
  { reason = "withdraw", onProgress, waitMs = 60_000 }: WithdrawOptions = {},
): Promise<WithdrawalCertificate> {
  const { home, account, passphrase, seal } = ring;
  const vault = new DatasetVault(home);
  const notes = await keyOfDataset(client, vault, datasetId);
  const { latestVersion } = await readDataset(client, datasetId);
  const from = await readVersion(client, datasetId, latestVersion);
  const before = await openOwnDataset(client, account, datasetId, latestVersion);
  const manifest = await fetchManifest(client, before, from);
  const secret = await openSecret(vault, manifest.keyId, passphrase);
  const effectiveAt = Math.floor(Date.now() / 1000);
  const uploads: Upload[] = [];
  const withdrawn = await withdrawRows(
    { manifest, ownerState: secret.ownerState },
    {
      people,
      read: (ref) => client.transfers.download(before, ref.digest),
      sink: async (object, bytes) => {
        uploads.push({ ...object, bytes });
      },
      effectiveAt,
      reason,
    },
  );
  if (!withdrawn.ok) throw withdrawFailure(withdrawn.error);
  const next = withdrawn.value;
  const keep = secretBytes(secret.key, next.ownerState, next.manifest, effectiveAt);
  if (alreadyGone(manifest, next)) {
    await vault.store(manifest.keyId, notes.name, keep, passphrase, seal);
    throw new CosFailure("usage", "ALREADY_WITHDRAWN", "these people's rows are gone already", {
      facts: { datasetId, version: latestVersion },
    });
  }
  const bytes = manifestBytes(next.manifest);
  const object = { digest: digestOfBytes(bytes), sizeBytes: bytes.length };
  await uploadAll(client, account, [...uploads, { ...object, bytes }], onProgress);
  const uri = objectUri(object.digest);
  const anchored = await publishVersion(client, account, datasetId, next.manifest, uri);
  await vault.store(manifest.keyId, notes.name, keep, passphrase, seal);
  keep.fill(0);
  const to = await readVersion(client, datasetId, anchored.version);
  const deletedObjects = await awaitDeletion(client, before, next, waitMs);
  return {
    format: "cos-withdrawal-certificate/1",
    datasetId,
    people: next.rows.length,
    reason,
    fromVersion: latestVersion,
    toVersion: anchored.version,
    fromCommitment: from.manifestCommitment,
    toCommitment: manifestCommitment(next.manifest),
    transaction: anchored.transaction,
    effectiveAt: to.effectiveAt,
    deletedObjects,
    allGone: deletedObjects.every((each) => each.gone),
  };
}

export type WithdrawOptions = {
  readonly reason?: "withdraw" | "consent";
  readonly onProgress?: Progress;
  /** How long to wait for the store to let go. */
  readonly waitMs?: number;
};

/** A crash between the chain and the vault: the chain has the new version, the vault the old map. */
function alreadyGone(manifest: Withdrawal["manifest"], next: Withdrawal): boolean {
  const deleted = new Set(manifest.segments.flatMap((segment) => rowsOf(segment.deletedRows)));
  return next.rows.length > 0 && next.rows.every((row) => deleted.has(row));
}

async function awaitDeletion(
  client: CosClient,
  transfer: Transfer,
  { obsolete }: Withdrawal,
  waitMs: number,
): Promise<{ digest: Digest; sizeBytes: number; gone: boolean }[]> {
  const until = Date.now() + waitMs;
  const objects = obsolete.map((object) => ({ ...object, gone: false }));
  for (;;) {
    for (const object of objects) {
      if (!object.gone) object.gone = !(await client.transfers.has(transfer, object.digest));
    }
    if (objects.every((object) => object.gone) || Date.now() > until) return objects;
    await delay(250);
  }
}

function withdrawFailure(error: { code: string }): CosFailure {
  const facts = factsOf(error);
  switch (error.code) {
    case "SAMPLE_UNKNOWN":
      return new CosFailure(
        "not-found",
        error.code,
        "some of these people are not in the dataset (any more)",
        {
          facts,
          hint: "ids are those of the genotype file; nothing was changed",
        },
      );
    case "SAMPLE_AMBIGUOUS":
      return new CosFailure("usage", error.code, "some ids are shared by several families", {
        facts,
        hint: "give them as FID<tab>IID; nothing was changed",
      });
    default:
      return new CosFailure("integrity", error.code, "an encrypted block is not what its digest says", {
        facts,
      });
  }
}
