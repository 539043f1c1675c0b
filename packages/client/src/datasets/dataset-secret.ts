import { contextDigestOf, type DatasetKey, exportDatasetKey, importDatasetKey } from "@cos/fhe";
import { type OwnerState, parseRecoveryKit } from "@cos/programs";
import { type Digest, type Manifest, manifestCommitment } from "@cos/protocol";
import { CosFailure, factsOf } from "../failure.ts";
import type { DatasetVault } from "../keystore/dataset-vault.ts";

/** A dataset's secret half, opened: the FHE key, and who sits in which row. Lives in memory only. */
export type DatasetSecret = {
  readonly key: DatasetKey;
  readonly ownerState: OwnerState;
  /** Commitment of the version that this state belongs to. */
  readonly manifestCommitment: Digest;
};

/** The secret as bytes for the vault. The caller erases them. */
export function secretBytes(
  key: DatasetKey,
  ownerState: OwnerState,
  manifest: Manifest,
  createdAt: number,
): Uint8Array {
  const exported = exportDatasetKey(key);
  const value = {
    format: "cos-recovery-kit/1",
    createdAt,
    key: Buffer.from(exported).toString("base64"),
    ownerState,
    contextDigest: contextDigestOf(key),
    manifestCommitment: manifestCommitment(manifest),
  };
  exported.fill(0);
  return new TextEncoder().encode(JSON.stringify(value));
}

/** Opens a dataset's secret from the vault. */
export async function openSecret(
  vault: DatasetVault,
  keyId: Digest,
  passphrase: string,
): Promise<DatasetSecret> {
  const bytes = await vault.open(keyId, passphrase);
  try {
    const parsed = parseRecoveryKit(JSON.parse(Buffer.from(bytes).toString("utf8")));
    const key = parsed.ok ? await importDatasetKey(Buffer.from(parsed.value.key, "base64")) : undefined;
    if (!parsed.ok) throw unreadable(parsed.error);
    if (key?.ok !== true) throw unreadable(key?.error ?? {});
    if (key.value.keyId !== keyId) throw unreadable({ detail: "the key of another dataset" });
    const { ownerState, manifestCommitment } = parsed.value;
    return { key: key.value, ownerState, manifestCommitment };
  } finally {
    bytes.fill(0);
  }
}

const unreadable = (error: object): CosFailure =>
  new CosFailure("integrity", "SECRET_MALFORMED", "the dataset's secret opens, but cannot be read", {
    facts: factsOf(error),
    hint: "restore it from the recovery kit into an empty --home",
  });
