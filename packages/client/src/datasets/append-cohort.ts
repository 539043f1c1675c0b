import { appendSegment, type DatasetVersion, type Progress } from "@cos/programs";
import { manifestCommitment } from "@cos/protocol";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { DatasetVault } from "../keystore/dataset-vault.ts";
import { DatasetFolder } from "./dataset-folder.ts";
import { type DatasetSecret, openSecret } from "./dataset-secret.ts";
import { dropUnpublished, unpublishedSegments } from "./drop-unpublished.ts";
import {
  type EncryptChoice,
  type Encrypted,
  keepVersion,
  orEncryptFailure,
  summarise,
} from "./encrypt-cohort.ts";
import { EncryptionDraft, fingerprintOf } from "./encryption-draft.ts";
import type { Keyring } from "./keyring.ts";
import type { Cohort } from "./open-cohort.ts";
import { keyOfDataset } from "./own-datasets.ts";
import { fetchManifest, openOwnDataset, readDataset, readVersion } from "./published-dataset.ts";
import { type EncryptionRun, resumably } from "./resume-encryption.ts";

export type AppendChoice = Omit<
  EncryptChoice,
  "name" | "assembly" | "allLayouts" | "fixTraits" | "fixedOnly"
> & {
  /** Name of the new segment; the next free one when left out. */
  readonly segment?: string;
  /** Forget people who were appended before and never published. */
  readonly discardPending?: boolean;
};

/** Encrypts more people for a published dataset, as a new segment in a folder of its own; `publishDataset` anchors it. */
export async function appendCohort(
  client: CosClient,
  ring: Keyring & { readonly account: Account },
  datasetId: string,
  cohort: Cohort,
  choice: AppendChoice,
  onProgress?: Progress,
): Promise<Encrypted> {
  const vault = new DatasetVault(ring.home);
  const notes = await keyOfDataset(client, vault, datasetId);
  const { latestVersion } = await readDataset(client, datasetId);
  const transfer = await openOwnDataset(client, ring.account, datasetId, latestVersion);
  const manifest = await fetchManifest(client, transfer, await readVersion(client, datasetId, latestVersion));
  const secret = await openSecret(vault, manifest.keyId, ring.passphrase);
  const pending = unpublishedSegments(secret.ownerState, manifest);
  // An append that was killed at its very end is in the vault already; it goes on from its draft.
  const isInterrupted = await EncryptionDraft.isLeftAt(choice.outDir);
  if (pending.length > 0 && choice.discardPending !== true && !isInterrupted) {
    throw new CosFailure("refused", "APPEND_PENDING", "people were appended and not published yet", {
      facts: { datasetId, segments: pending.join(", ") },
      hint: "publish that folder with `cos dataset publish DIR`, or forget it with --discard-pending",
    });
  }
  const ownerState = dropUnpublished(secret.ownerState, manifest);
  const folder = new DatasetFolder(choice.outDir);
  const { outDir, kitPath, threads, discardPending, ...choices } = choice;
  const parent = manifestCommitment(manifest);
  return resumably(folder, ring, fingerprintOf(cohort, { ...choices, parent }), (run) =>
    appendInto(
      folder,
      run,
      { manifest, ownerState },
      secret.key,
      ring,
      cohort,
      { ...choice, name: notes.name },
      onProgress,
    ),
  );
}

async function appendInto(
  folder: DatasetFolder,
  run: EncryptionRun,
  before: DatasetVersion,
  key: DatasetSecret["key"],
  ring: Keyring,
  cohort: Cohort,
  choice: AppendChoice & { readonly name: string },
  onProgress: Progress | undefined,
): Promise<Encrypted> {
  const now = Math.floor(Date.now() / 1000);
  const version = orEncryptFailure(
    await appendSegment(before, {
      source: cohort.source,
      traits: cohort.traits,
      site: choice.site,
      consentClass: [...choice.consentClass],
      key,
      sink: folder.sink,
      effectiveAt: now,
      checkpoint: run.checkpoint(key, now),
      ...(choice.segment === undefined ? {} : { segment: choice.segment }),
      ...(choice.rowsPadded === undefined ? {} : { rowsPadded: choice.rowsPadded }),
      ...(choice.threads === undefined ? {} : { threads: choice.threads }),
      ...(onProgress === undefined ? {} : { onProgress }),
    }),
  );
  const kit = await keepVersion(ring, folder, version, key, choice, now);
  return summarise(folder, version, kit, cohort);
}
