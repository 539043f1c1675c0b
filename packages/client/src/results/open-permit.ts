import { assocTsv, qassocTsv } from "@cos/genomics";
import { type AssociationResult, finalise, openResult } from "@cos/programs";
import { parseVariantAxis, type VariantAxis } from "@cos/protocol";
import type { CosClient } from "../cos-client.ts";
import { type DatasetSecret, openSecret } from "../datasets/dataset-secret.ts";
import { CosFailure, factsOf } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import type { Account } from "../keystore/account.ts";
import { DatasetVault } from "../keystore/dataset-vault.ts";
import { type VerifiedPermit, type VerifyOptions, verifyPermit } from "./verify-permit.ts";

/** An owner's exact view of its part of a result. Not a release. */
export type OpenedPermit = {
  readonly verified: VerifiedPermit;
  readonly datasetId: string;
  readonly version: number;
  readonly axis: VariantAxis;
  readonly result: AssociationResult;
  /** PLINK's columns and number formats. */
  readonly tsv: string;
  readonly secret: DatasetSecret;
};

export type OpenOptions = VerifyOptions & DecryptOptions;
export type DecryptOptions = {
  /** Which of the account's datasets in the permit; the first when left out. */
  readonly datasetId?: string;
  /** Hears how many of the dataset's ciphertexts are decrypted. */
  readonly onDecrypt?: (done: number, total: number) => void;
};

/** Checks a result, then decrypts and finishes it on this machine. */
export async function openPermit(
  client: CosClient,
  home: CosHome,
  owner: Account,
  passphrase: string,
  permitId: string,
  options: OpenOptions = {},
): Promise<OpenedPermit> {
  const verified = await verifyPermit(client, home, owner, permitId, options);
  return openVerified(client, home, passphrase, verified, options);
}

/**
 * Decrypts and finishes a result that passed the checks. Its file is closed afterwards: deleted when it was opened or
 * refused, else left for the next run.
 */
export async function openVerified(
  client: CosClient,
  home: CosHome,
  passphrase: string,
  verified: VerifiedPermit,
  options: DecryptOptions = {},
): Promise<OpenedPermit> {
  try {
    const opened = await decrypt(client, home, passphrase, verified, options);
    await verified.result.close();
    return opened;
  } catch (cause) {
    await verified.result.endAfter(cause);
    throw cause;
  }
}

async function decrypt(
  client: CosClient,
  home: CosHome,
  passphrase: string,
  verified: VerifiedPermit,
  { datasetId, onDecrypt }: DecryptOptions,
): Promise<OpenedPermit> {
  const part = verified.own.find((each) => datasetId === undefined || each.datasetId === datasetId);
  if (part === undefined) {
    throw new CosFailure("not-found", "NOT_OWNER", "the account does not own that dataset of the permit");
  }
  const secret = await openSecret(new DatasetVault(home), part.manifest.keyId, passphrase);
  const axisRef = part.manifest.variantAxis.object;
  const axis = parseVariantAxis(await client.transfers.download(part.transfer, axisRef.digest));
  if (!axis.ok) {
    throw new CosFailure("integrity", axis.error.code, "the dataset's variant axis cannot be read", {
      facts: factsOf(axis.error),
    });
  }
  const { plan, ciphertexts, bundle } = verified;
  const opened = await openResult(
    plan,
    ciphertexts,
    secret.key,
    part.index,
    onDecrypt === undefined ? {} : { onProgress: onDecrypt },
  );
  if (!opened.ok) {
    throw new CosFailure("integrity", opened.error.code, "the result does not open with the dataset's key", {
      facts: { ...factsOf(opened.error), result: bundle.entries.digest },
    });
  }
  const result = finalise(verified.program, verified.params, opened.value, axis.value, secret.ownerState);
  if (!result.ok) {
    throw new CosFailure("refused", result.error.code, "the opened sums cannot be finished", {
      facts: factsOf(result.error),
    });
  }
  return {
    verified,
    datasetId: part.datasetId,
    version: verified.permit.datasetVersions[part.index] ?? 0,
    axis: axis.value,
    result: result.value,
    tsv: tableOf(result.value),
    secret,
  };
}

const tableOf = (result: AssociationResult): string =>
  result.kind === "assoc" ? assocTsv(result.rows) : qassocTsv(result.rows);
