import { appendSegment, type Progress } from "@cos/programs";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { DatasetVault } from "../keystore/dataset-vault.ts";
import { DatasetFolder } from "./dataset-folder.ts";
import { openSecret } from "./dataset-secret.ts";
import {
  countingSink,
  type EncryptChoice,
  type Encrypted,
  type Keyring,
  keepVersion,
  orEncryptFailure,
  summarise,
} from "./encrypt-cohort.ts";
import type { Cohort } from "./open-cohort.ts";
import { keyOfDataset } from "./own-datasets.ts";
import { fetchManifest, openOwnDataset, readDataset, readVersion } from "./published-dataset.ts";

/** Encrypts more people for a published dataset, as a new segment in a folder of its own; `publishDataset` anchors it. */
export async function appendCohort(
  client: CosClient,
  ring: Keyring & { readonly account: Account },
  datasetId: string,
  cohort: Cohort,
  choice: Omit<EncryptChoice, "name" | "assembly" | "allLayouts"> & { readonly segment?: string },
  onProgress?: Progress,
): Promise<Encrypted> {
  const vault = new DatasetVault(ring.home);
  const notes = await keyOfDataset(client, vault, datasetId);
  const { latestVersion } = await readDataset(client, datasetId);
  const transfer = await openOwnDataset(client, ring.account, datasetId, latestVersion);
  const manifest = await fetchManifest(client, transfer, await readVersion(client, datasetId, latestVersion));
  const secret = await openSecret(vault, manifest.keyId, ring.passphrase);
  const known = new Set(manifest.segments.map((segment) => segment.id));
  if (Object.keys(secret.ownerState.segments).some((id) => !known.has(id))) {
    throw new CosFailure("refused", "APPEND_PENDING", "people were appended and not published yet", {
      facts: { datasetId },
      hint: "publish that folder first: cos dataset publish DIR",
    });
  }
  const folder = new DatasetFolder(choice.outDir);
  await folder.create();
  const now = Math.floor(Date.now() / 1000);
  const counted = countingSink(folder);
  const version = orEncryptFailure(
    await appendSegment(
      { manifest, ownerState: secret.ownerState },
      {
        source: cohort.source,
        traits: cohort.traits,
        site: choice.site,
        consentClass: [...choice.consentClass],
        key: secret.key,
        sink: counted.sink,
        effectiveAt: now,
        ...(choice.segment === undefined ? {} : { segment: choice.segment }),
        ...(choice.rowsPadded === undefined ? {} : { rowsPadded: choice.rowsPadded }),
        ...(choice.threads === undefined ? {} : { threads: choice.threads }),
        ...(onProgress === undefined ? {} : { onProgress }),
      },
    ),
  );
  const kit = await keepVersion(ring, folder, version, secret.key, { ...choice, name: notes.name }, now);
  return summarise(folder, version, kit, counted, cohort);
}
