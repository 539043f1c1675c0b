import { setTimeout as delay } from "node:timers/promises";
import { objectsOf } from "@cos/programs";
import { TicketKind } from "@cos/proto/gateway";
import { type Digest, type Manifest, manifestCommitment, type ObjectRef, toRegionCode } from "@cos/protocol";
import { encodeBytes32String } from "ethers";
import { ensureIdentity, identityOf } from "../access/identity.ts";
import { eventOf } from "../chain/cos-chain.ts";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import type { Account } from "../keystore/account.ts";
import { DatasetVault } from "../keystore/dataset-vault.ts";
import type { Progress, Transfer, Upload } from "../objects/transfers.ts";
import { DatasetFolder } from "./dataset-folder.ts";
import { objectUri, readDataset, readVersion } from "./published-dataset.ts";
import { recordSeeds } from "./seed-ledger.ts";

export type Published = {
  readonly datasetId: string;
  readonly version: number;
  readonly manifestCommitment: Digest;
  readonly manifestUri: string;
  readonly objects: number;
  readonly bytes: number;
  readonly transaction: string | null;
};

/**
 * Uploads an encrypted dataset and anchors it: a new dataset, or the next version of the one that the key belongs to.
 * Repeating it after an interruption goes on where it stopped; repeating it when done changes nothing.
 */
export async function publishDataset(
  client: CosClient,
  home: CosHome,
  owner: Account,
  dir: string,
  { region = "", onProgress }: { region?: string; onProgress?: Progress } = {},
): Promise<Published> {
  const folder = new DatasetFolder(dir);
  const { manifest, object, bytes } = await folder.readManifest();
  const vault = new DatasetVault(home);
  if (!(await vault.isRestoreTested(manifest.keyId))) {
    throw new CosFailure("refused", "RESTORE_NOT_TESTED", "no restore of this dataset's key was tested", {
      facts: { keyId: manifest.keyId },
      hint: "lost keys lose the data: run `cos keys restore --check KIT` first, then publish again",
    });
  }
  const datasetId = await linkedDataset(client, vault, manifest.keyId);
  const done = datasetId === undefined ? undefined : await alreadyPublished(client, datasetId, manifest);
  const uploads = await folder.uploadsOf(objectsOf(manifest));
  if (datasetId === undefined) requireAll(uploads, objectsOf(manifest));
  await recordSeeds(home, folder, manifest);
  const all = [...uploads, { ...object, bytes }];
  const total = all.reduce((sum, upload) => sum + upload.sizeBytes, 0);
  const summary = {
    manifestCommitment: manifestCommitment(manifest),
    manifestUri: objectUri(object.digest),
    objects: all.length,
    bytes: total,
  };
  if (done !== undefined && datasetId !== undefined) {
    return { datasetId, version: done, transaction: null, ...summary };
  }
  await ensureIdentity(client, owner);
  await uploadAll(client, owner, all, onProgress);
  const anchored =
    datasetId === undefined
      ? await registerDataset(client, owner, manifest, summary.manifestUri, region)
      : await publishVersion(client, owner, datasetId, manifest, summary.manifestUri);
  await vault.link(manifest.keyId, {
    datasetId: anchored.datasetId,
    chainId: client.platform.chain.chainId,
    registry: client.chain.addressOf("DatasetRegistry"),
  });
  return { ...anchored, ...summary };
}

/** Uploads under tickets of their own; a transfer that ended meanwhile is replaced by a fresh one. */
export async function uploadAll(
  client: CosClient,
  owner: Account,
  uploads: readonly Upload[],
  onProgress?: Progress,
): Promise<void> {
  const total = uploads.reduce((sum, upload) => sum + upload.sizeBytes, 0);
  for (let round = 1; ; round += 1) {
    const transfer = await openUpload(client, owner, total);
    try {
      await client.transfers.upload(transfer, uploads, onProgress);
      return;
    } catch (cause) {
      const ended = cause instanceof CosFailure && cause.code === "TRANSFER_INVALID";
      if (!ended || round >= 20) throw cause;
    }
  }
}

/** An identity that was minted a moment ago may not have reached the gateway yet. */
async function openUpload(client: CosClient, owner: Account, totalBytes: number): Promise<Transfer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.transfers.open(client.session(owner), {
        kind: TicketKind.TICKET_KIND_UPLOAD,
        maxBytes: BigInt(totalBytes),
      });
    } catch (cause) {
      const early = cause instanceof CosFailure && cause.code === "IDENTITY_MISSING";
      if (!early || attempt >= 20 || (await identityOf(client, owner.address)) === undefined) throw cause;
      await delay(100 * attempt);
    }
  }
}

function requireAll(uploads: readonly Upload[], objects: readonly ObjectRef[]): void {
  const here = new Set(uploads.map((upload) => upload.digest));
  const missing = objects.find((object) => !here.has(object.digest));
  if (missing === undefined) return;
  throw new CosFailure("integrity", "OBJECT_MISSING", "the folder lacks an object that its manifest names", {
    facts: { digest: missing.digest },
    hint: "encrypt again into a new folder",
  });
}

/** The dataset that a key was published as on this chain and registry. */
export async function linkedDataset(
  client: CosClient,
  vault: DatasetVault,
  keyId: Digest,
): Promise<string | undefined> {
  const notes = await vault.notes(keyId);
  const here =
    notes?.chainId === client.platform.chain.chainId &&
    notes.registry?.toLowerCase() === client.chain.addressOf("DatasetRegistry").toLowerCase();
  return here ? (notes?.datasetId ?? undefined) : undefined;
}

/** The version on chain that has this commitment already. @throws VERSION_CONFLICT when the chain went on without it */
async function alreadyPublished(
  client: CosClient,
  datasetId: string,
  manifest: Manifest,
): Promise<number | undefined> {
  const { latestVersion } = await readDataset(client, datasetId);
  const commitment = manifestCommitment(manifest);
  if (manifest.version.n <= latestVersion) {
    const on = await readVersion(client, datasetId, manifest.version.n);
    if (on.manifestCommitment === commitment) return manifest.version.n;
  }
  const parent = await readVersion(client, datasetId, latestVersion);
  if (manifest.version.n === latestVersion + 1 && manifest.version.parent === parent.manifestCommitment) {
    return undefined;
  }
  throw new CosFailure("refused", "VERSION_CONFLICT", "this folder does not follow the version on chain", {
    facts: { datasetId, onChain: latestVersion, folder: manifest.version.n },
    hint: "append again to the present version with `cos dataset append`",
  });
}

async function registerDataset(
  client: CosClient,
  owner: Account,
  manifest: Manifest,
  uri: string,
  region: string,
): Promise<{ datasetId: string; version: number; transaction: string }> {
  const codes = [...new Set(manifest.segments.flatMap((segment) => segment.consentClass))].sort();
  const sent = await client.chain.send(owner, "DatasetRegistry", "register", [
    manifestCommitment(manifest),
    manifest.contextDigest,
    codes.map(encodeBytes32String),
    uri,
    toRegionCode(region),
  ]);
  const datasetId: string = eventOf(sent, "DatasetRegistered").datasetId.toString();
  return { datasetId, version: 1, transaction: sent.hash };
}

const reasonNumbers = { append: 2, correct: 3, withdraw: 4, consent: 5 } as const;

/** Anchors the next version. Withdrawal and consent bar every earlier one. */
export async function publishVersion(
  client: CosClient,
  owner: Account,
  datasetId: string,
  manifest: Manifest,
  uri: string,
): Promise<{ datasetId: string; version: number; transaction: string }> {
  const reason = reasonNumbers[manifest.version.reason];
  const args = [datasetId, reason, manifestCommitment(manifest), uri];
  const sent = await client.chain.send(owner, "DatasetRegistry", "publishVersion", args);
  const version = Number(eventOf(sent, "DatasetVersionPublished").version);
  return { datasetId, version, transaction: sent.hash };
}
