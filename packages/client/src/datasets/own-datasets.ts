import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { DatasetNotes, DatasetVault } from "../keystore/dataset-vault.ts";

/** The keystore's notes of a published dataset. @throws DATASET_KEY_UNKNOWN */
export async function keyOfDataset(
  client: CosClient,
  vault: DatasetVault,
  datasetId: string,
): Promise<DatasetNotes> {
  const registry = client.chain.addressOf("DatasetRegistry").toLowerCase();
  const found = (await vault.list()).find(
    (notes) =>
      notes.datasetId === datasetId &&
      notes.chainId === client.platform.chain.chainId &&
      notes.registry?.toLowerCase() === registry,
  );
  if (found !== undefined) return found;
  throw new CosFailure(
    "not-found",
    "DATASET_KEY_UNKNOWN",
    `this keystore holds no key of dataset ${datasetId}`,
    {
      hint: "only the owner can do this; restore the key with: cos keys restore KIT",
    },
  );
}
