import { generateDatasetKey } from "@cos/fhe";
import { describeGenomicsError, type GenomicsError, type GenotypeSource } from "@cos/genomics";
import {
  type DatasetVersion,
  type EncryptError,
  type EncryptRequest,
  encryptDataset,
  type LayoutName,
  objectsOf,
  type Progress,
} from "@cos/programs";
import { type Digest, manifestCommitment } from "@cos/protocol";
import { CosFailure, factsOf } from "../failure.ts";
import { gatherKit, writeKit } from "../keystore/backup.ts";
import { DatasetVault } from "../keystore/dataset-vault.ts";
import { DatasetFolder } from "./dataset-folder.ts";
import { secretBytes } from "./dataset-secret.ts";
import { fingerprintOf } from "./encryption-draft.ts";
import type { Keyring } from "./keyring.ts";
import type { Cohort } from "./open-cohort.ts";
import { type EncryptionRun, resumably } from "./resume-encryption.ts";

/** Every layout that this version publishes. */
const layoutNames: readonly LayoutName[] = ["allele-counts", "fixed-point"];

export type EncryptChoice = {
  /** The owner's own name for the dataset; never published. */
  readonly name: string;
  readonly outDir: string;
  /** Where the recovery kit goes; `OUT.recovery-kit.age` when left out. */
  readonly kitPath?: string;
  readonly site: string;
  readonly consentClass: readonly string[];
  readonly assembly: string;
  readonly rowsPadded?: number;
  /** Threads that encrypt; one per core when left out. */
  readonly threads?: number;
  /** Publish the layouts of both kinds of traits, so that a trait of the other kind can be added later. */
  readonly allLayouts?: boolean;
  /** Case/control traits to fix into genotypes of their own: a test of them is one sum, and reads nothing else. */
  readonly fixTraits?: readonly string[];
  /** Publish those genotypes alone: no other trait can ever be tested or added. */
  readonly fixedOnly?: boolean;
};

export type Encrypted = {
  readonly keyId: Digest;
  readonly dir: string;
  readonly kit: string;
  readonly manifestCommitment: Digest;
  readonly objects: number;
  readonly bytes: number;
  readonly variants: number;
  readonly rowsPadded: number;
  readonly traits: readonly { name: string; kind: string }[];
  /** What the readers changed or left aside. */
  readonly notes: GenotypeSource["notes"];
};

/**
 * Encrypts a cohort at home under a fresh key: objects and manifest into a folder, the secret into the vault, a recovery
 * kit beside them. Nothing is sent anywhere. Killed, it goes on when it is repeated (`resumably`).
 */
export async function encryptCohort(
  ring: Keyring,
  cohort: Cohort,
  choice: EncryptChoice,
  onProgress?: Progress,
): Promise<Encrypted> {
  const folder = new DatasetFolder(choice.outDir);
  const { outDir, kitPath, name, threads, ...choices } = choice;
  return resumably(folder, ring, fingerprintOf(cohort, choices), (run) =>
    encryptInto(folder, run, ring, cohort, choice, onProgress),
  );
}

async function encryptInto(
  folder: DatasetFolder,
  run: EncryptionRun,
  ring: Keyring,
  cohort: Cohort,
  choice: EncryptChoice,
  onProgress: Progress | undefined,
): Promise<Encrypted> {
  const key = run.earlier?.key ?? (await generateDatasetKey());
  const now = Math.floor(Date.now() / 1000);
  const request: EncryptRequest = {
    source: cohort.source,
    traits: cohort.traits,
    site: choice.site,
    consentClass: [...choice.consentClass],
    assembly: choice.assembly,
    key,
    sink: folder.sink,
    effectiveAt: now,
    checkpoint: run.checkpoint(key, now),
    ...(choice.rowsPadded === undefined ? {} : { rowsPadded: choice.rowsPadded }),
    ...(choice.threads === undefined ? {} : { threads: choice.threads }),
    ...(choice.allLayouts === true ? { layouts: layoutNames } : {}),
    ...(choice.fixTraits === undefined ? {} : { fixTraits: choice.fixTraits }),
    ...(choice.fixedOnly === true ? { layouts: [] } : {}),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
  const version = orEncryptFailure(await encryptDataset(request));
  const kit = await keepVersion(ring, folder, version, key, choice, now);
  return summarise(folder, version, kit, cohort);
}

/** Writes vault entry, kit and, last, the manifest of a new or appended version: a folder that has one is complete. */
export async function keepVersion(
  ring: Keyring,
  folder: DatasetFolder,
  version: DatasetVersion,
  key: EncryptRequest["key"],
  { name, kitPath }: Pick<EncryptChoice, "name" | "kitPath">,
  now: number,
): Promise<string> {
  const secret = secretBytes(key, version.ownerState, version.manifest, now);
  await new DatasetVault(ring.home).store(key.keyId, name, secret, ring.passphrase, ring.seal);
  secret.fill(0);
  const accounts = ring.account === undefined ? [] : [ring.account];
  const kit = await gatherKit(ring.home, accounts, [key.keyId], ring.passphrase);
  const written = await writeKit(
    kitPath ?? `${folder.dir}.recovery-kit.age`,
    kit,
    ring.passphrase,
    ring.seal,
  );
  await folder.settle(version.manifest);
  await folder.writeManifest(version.manifest);
  return written.path;
}

/** @param version whose new objects lie in the folder */
export async function summarise(
  folder: DatasetFolder,
  { manifest }: DatasetVersion,
  kit: string,
  cohort: Cohort,
): Promise<Encrypted> {
  const objects = await folder.uploadsOf(objectsOf(manifest));
  return {
    keyId: manifest.keyId,
    dir: folder.dir,
    kit,
    manifestCommitment: manifestCommitment(manifest),
    objects: objects.length,
    bytes: objects.reduce((sum, object) => sum + object.sizeBytes, 0),
    variants: manifest.variantAxis.count,
    rowsPadded: manifest.segments.reduce((sum, segment) => sum + segment.rowsPadded, 0),
    traits: manifest.traits.map(({ name, kind }) => ({ name, kind })),
    notes: cohort.source.notes,
  };
}

const encryptWords: Partial<Record<string, string>> = {
  ROW_PADDING_TOO_SMALL: "the published row count is smaller than the number of people",
  TRAIT_NAME_UNSUPPORTED: "a trait's name holds characters that a manifest does not take",
  TRAIT_TWICE: "a trait is named twice",
  TRAIT_MISMATCH: "a trait is not the one that the dataset has under that name",
  TRAIT_OUT_OF_RANGE: "a trait's values are outside the range that the dataset encodes",
  TRAIT_NOT_BINARY: "only a case/control trait can be fixed into the genotypes",
  TRAIT_UNKNOWN: "a trait to be fixed is not among the traits",
  TRAIT_INCOMPLETE: "somebody has no value for a trait that the genotypes hold as one that everybody has",
  LAYOUT_MISSING: "the dataset has no genotypes in the layout that this kind of trait needs",
  VARIANT_AXIS_MISMATCH: "the new people are not typed at exactly the dataset's variants",
  SEGMENT_TWICE: "the dataset has a segment of that name already",
  CONTEXT_MISMATCH: "the key is not the dataset's",
};

/** The version, or why it could not be encrypted, in words. */
export function orEncryptFailure<T>(result: { ok: true; value: T } | { ok: false; error: EncryptError }): T {
  if (result.ok) return result.value;
  const { error } = result;
  const words = encryptWords[error.code];
  const message = words ?? describeGenomicsError(error as GenomicsError);
  const kind = error.code === "CONTEXT_MISMATCH" ? "integrity" : "usage";
  throw new CosFailure(kind, error.code, message, { facts: factsOf(error) });
}
