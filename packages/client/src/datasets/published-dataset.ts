import { TicketKind } from "@cos/proto/gateway";
import {
  asDigest,
  checkManifestCommitment,
  type Digest,
  digestOfBytes,
  fromRegionCode,
  type Manifest,
  parseManifest,
} from "@cos/protocol";
import { dataLength, decodeBytes32String } from "ethers";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import type { Transfer } from "../objects/transfers.ts";

export type DatasetVersionOnChain = {
  readonly version: number;
  readonly reason: string;
  readonly manifestCommitment: Digest;
  readonly manifestUri: string;
  readonly effectiveAt: number;
};

export type DatasetOnChain = {
  readonly datasetId: string;
  readonly owner: string;
  readonly contextDigest: Digest;
  readonly region: string;
  readonly status: string;
  readonly dataUseCodes: readonly string[];
  readonly latestVersion: number;
  readonly barrierVersion: number;
};

const statuses = ["none", "active", "paused", "withdrawn"];
const reasons = ["none", "initial", "append", "correct", "withdraw", "consent"];

/** A dataset as the chain holds it. @throws DATASET_UNKNOWN */
export async function readDataset(client: CosClient, datasetId: string): Promise<DatasetOnChain> {
  const dataset = await client.chain.read("DatasetRegistry", "datasetOf", [datasetId]);
  return {
    datasetId,
    owner: await client.chain.read<string>("DatasetRegistry", "ownerOf", [datasetId]),
    contextDigest: asDigest(dataset.contextDigest),
    region: fromRegionCode(dataset.regionCode),
    status: statuses[Number(dataset.status)] ?? "unknown",
    dataUseCodes: [...dataset.dataUseCodes].map(decodeBytes32String),
    latestVersion: Number(dataset.latestVersion),
    barrierVersion: Number(dataset.barrierVersion),
  };
}

/** One version as the chain holds it. */
export async function readVersion(
  client: CosClient,
  datasetId: string,
  version: number,
): Promise<DatasetVersionOnChain> {
  const found = await client.chain.read("DatasetRegistry", "versionOf", [datasetId, version]);
  return {
    version: Number(found.n),
    reason: reasons[Number(found.reason)] ?? "unknown",
    manifestCommitment: asDigest(found.manifestCommitment),
    manifestUri: found.uri,
    effectiveAt: Number(found.effectiveAt),
  };
}

/** Opens a transfer on the owner's own dataset. */
export const openOwnDataset = (
  client: CosClient,
  owner: Account,
  datasetId: string,
  version: number,
): Promise<Transfer> =>
  client.transfers.open(client.session(owner), {
    kind: TicketKind.TICKET_KIND_OWN_DATASET,
    datasetId,
    version,
  });

/** Fetches a version's manifest and checks it against the chain: digest of the bytes, and the commitment. */
export async function fetchManifest(
  client: CosClient,
  transfer: Transfer,
  on: DatasetVersionOnChain,
): Promise<Manifest> {
  const bytes = await client.transfers.download(transfer, digestOfUri(on.manifestUri));
  return checkedManifest(bytes, on.manifestCommitment);
}

/** Reads a manifest of unknown origin and compares it with what the chain committed to. */
export function checkedManifest(bytes: Uint8Array, commitment: Digest): Manifest {
  const parsed = parseManifest(bytes);
  if (!parsed.ok) {
    throw new CosFailure("integrity", parsed.error.code, "the dataset's manifest cannot be read", {
      facts: { digest: digestOfBytes(bytes) },
    });
  }
  const checked = checkManifestCommitment(parsed.value, commitment);
  if (checked.ok) return checked.value;
  const { code, expected, actual } = checked.error;
  throw new CosFailure("integrity", code, "the manifest is not the one that the chain committed to", {
    facts: { expected, actual },
    hint: "nothing was opened; tell the operator",
  });
}

export const objectUri = (digest: Digest): string => `cos-object:${digest.slice(2)}`;

/** @throws URI_MALFORMED */
export function digestOfUri(uri: string): Digest {
  const hex = /^cos-object:([0-9a-f]{64})$/.exec(uri)?.[1];
  if (hex !== undefined && dataLength(`0x${hex}`) === 32) return asDigest(`0x${hex}`);
  throw new CosFailure("integrity", "URI_MALFORMED", "the chain names an object that is none", {
    facts: { uri },
  });
}
