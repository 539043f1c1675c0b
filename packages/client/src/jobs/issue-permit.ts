import { eventOf } from "../chain/cos-chain.ts";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { approveFee } from "./authorise.ts";
import type { Authorisation, PermitDraft } from "./permit-terms.ts";

export type Issued = {
  readonly permitId: string;
  readonly transaction: string;
  readonly feeApproval: string | null;
  readonly fee: string;
};

/**
 * Issues a permit at the grantee's cost: approves the fee where there is one, then sends the terms with the owners'
 * signatures. A dataset without a signature needs a grant that authorises beforehand.
 */
export async function issuePermit(
  client: CosClient,
  grantee: Account,
  draft: PermitDraft,
  authorisations: readonly Authorisation[] = [],
): Promise<Issued> {
  for (const authorisation of authorisations) {
    if (authorisation.draft.permitId !== draft.permitId) {
      throw new CosFailure("usage", "AUTHORISATION_MISMATCH", "the authorisations are for different permits");
    }
  }
  const byDataset = new Map(authorisations.map((a) => [a.datasetId, a]));
  const signatures =
    byDataset.size === 0 ? [] : draft.terms.datasetIds.map((id) => byDataset.get(id)?.signature ?? "0x");
  const deadline = authorisations.length === 0 ? 0 : Math.min(...authorisations.map((a) => a.deadline));
  if (new Set(authorisations.map((a) => a.deadline)).size > 1) {
    throw new CosFailure("usage", "DEADLINES_DIFFER", "the owners' authorisations have different deadlines", {
      hint: "ask them to sign with one --deadline",
    });
  }
  const feeApproval = await approveFee(client, grantee, draft);
  const sent = await client.chain.send(grantee, "JobPermits", "issueJobPermit", [
    draft.terms,
    draft.nonce,
    deadline,
    signatures,
  ]);
  const issued = eventOf(sent, "JobPermitIssued");
  return {
    permitId: issued.permitId,
    transaction: sent.hash,
    feeApproval,
    fee: issued.fees.total.toString(),
  };
}

/** Ends a permit that has no result yet. What comes back follows the permit table: less the work fee after the grace period. */
export async function cancelPermit(
  client: CosClient,
  grantee: Account,
  permitId: string,
): Promise<{ permitId: string; refunded: string; workFee: string; transaction: string }> {
  const sent = await client.chain.send(grantee, "JobPermits", "cancel", [permitId]);
  const refund = eventOf(sent, "JobRefunded");
  return {
    permitId,
    refunded: refund.toGrantee.toString(),
    workFee: refund.workFee.toString(),
    transaction: sent.hash,
  };
}
