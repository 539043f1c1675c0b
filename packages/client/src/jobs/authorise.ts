import { checkJobDocument } from "@cos/protocol";
import { ZeroAddress } from "ethers";
import { eventOf } from "../chain/cos-chain.ts";
import type { CosClient } from "../cos-client.ts";
import { CosFailure, factsOf } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import {
  type Authorisation,
  authorisationSchema,
  type PermitDraft,
  permitDraftSchema,
} from "./permit-terms.ts";

export const permitAuthorisationTypes = {
  PermitAuthorisation: [
    { name: "permitId", type: "bytes32" },
    { name: "grantee", type: "address" },
    { name: "termsHash", type: "bytes32" },
    { name: "nonce", type: "uint256" },
    { name: "deadline", type: "uint64" },
  ],
};

/** Reads a draft of unknown origin and recomputes its identifiers, so that what is signed is what is read. */
export async function readDraft(client: CosClient, text: string): Promise<PermitDraft> {
  const parsed = permitDraftSchema.safeParse(safeJson(text));
  if (!parsed.success) {
    throw new CosFailure("usage", "DRAFT_MALFORMED", "this is not a permit draft", {
      hint: "the grantee makes it with: cos job quote … --out FILE",
    });
  }
  await checkDraft(client, parsed.data);
  return parsed.data;
}

async function checkDraft(client: CosClient, draft: PermitDraft): Promise<void> {
  const termsHash = await client.chain.read<string>("JobPermits", "termsHashOf", [draft.terms]);
  const permitId = await client.chain.read<string>("JobPermits", "permitIdOf", [
    draft.terms.grantee,
    draft.nonce,
    termsHash,
  ]);
  const job = checkJobDocument(draft.job, draft.terms);
  if (!job.ok) {
    throw new CosFailure(
      "integrity",
      "DRAFT_MISMATCH",
      "the draft shows other parameters than its terms name",
      {
        facts: { ...factsOf(job.error), reason: job.error.code },
      },
    );
  }
  const here =
    draft.chainId === client.platform.chain.chainId &&
    draft.jobPermits.toLowerCase() === client.chain.addressOf("JobPermits").toLowerCase();
  if (here && termsHash === draft.termsHash && permitId === draft.permitId) return;
  throw new CosFailure("integrity", "DRAFT_MISMATCH", "the draft's identifiers are not those of its terms", {
    facts: { permitId, stated: draft.permitId },
  });
}

/** Way 1: the owner's signature (EIP-712), which the grantee relays. */
export async function signAuthorisation(
  client: CosClient,
  owner: Account,
  draft: PermitDraft,
  datasetId: string,
  validSeconds = 24 * 3600,
): Promise<Authorisation> {
  if (!draft.terms.datasetIds.includes(datasetId)) {
    throw new CosFailure("usage", "DATASET_NOT_IN_DRAFT", `the draft does not name dataset ${datasetId}`);
  }
  const deadline = (await client.chain.now()) + validSeconds;
  const signature = await owner.wallet.signTypedData(
    {
      name: "COS JobPermits",
      version: "1",
      chainId: draft.chainId,
      verifyingContract: draft.jobPermits,
    },
    permitAuthorisationTypes,
    {
      permitId: draft.permitId,
      grantee: draft.terms.grantee,
      termsHash: draft.termsHash,
      nonce: draft.nonce,
      deadline,
    },
  );
  return { format: "cos-authorisation/1", draft, datasetId, deadline, signature };
}

export function readAuthorisation(text: string): Authorisation {
  const parsed = authorisationSchema.safeParse(safeJson(text));
  if (parsed.success) return parsed.data;
  throw new CosFailure("usage", "AUTHORISATION_MALFORMED", "this is not an owner's authorisation", {
    hint: "the owner makes it with: cos access authorise DRAFT --out FILE",
  });
}

/** Way 2: the owner's own transaction. Its permit has another id, because the owner issues it. */
export async function issueAsOwner(
  client: CosClient,
  owner: Account,
  draft: PermitDraft,
): Promise<{ permitId: string; transaction: string }> {
  const sent = await client.chain.send(owner, "JobPermits", "issueJobPermit", [
    draft.terms,
    draft.nonce,
    0,
    [],
  ]);
  return { permitId: eventOf(sent, "JobPermitIssued").permitId, transaction: sent.hash };
}

/** The grantee agrees to pay for terms that an owner may issue (way 2 with a fee). */
export async function proposeJob(
  client: CosClient,
  grantee: Account,
  draft: PermitDraft,
): Promise<{ termsHash: string; transaction: string }> {
  await approveFee(client, grantee, draft);
  const sent = await client.chain.send(grantee, "JobPermits", "proposeJob", [draft.terms]);
  return { termsHash: draft.termsHash, transaction: sent.hash };
}

/** Lets `Settlement` take the fee, when there is one and it may not yet. */
export async function approveFee(
  client: CosClient,
  grantee: Account,
  draft: PermitDraft,
): Promise<string | null> {
  const { token, total } = await client.chain.read("JobPermits", "quote", [draft.terms]);
  if (token === ZeroAddress || total === 0n) return null;
  if (total > BigInt(draft.terms.maxFee)) {
    throw new CosFailure("refused", "INSUFFICIENT_FEE", "the fee is more than the permit's terms allow", {
      clause: 10,
      facts: { required: String(total), maxFee: draft.terms.maxFee },
      hint: "allow it with --max-fee, or ask the owner for another grant",
    });
  }
  const balance = await client.chain.readToken<bigint>(token, "balanceOf", [grantee.address]);
  if (balance < total) {
    throw new CosFailure("refused", "INSUFFICIENT_FEE", "the account does not hold enough of the fee token", {
      clause: 10,
      facts: { required: String(total), balance: String(balance), token },
    });
  }
  const settlement = client.chain.addressOf("Settlement");
  const allowed = await client.chain.readToken<bigint>(token, "allowance", [grantee.address, settlement]);
  if (allowed >= total) return null;
  const sent = await client.chain.sendToken(grantee, token, "approve", [settlement, total]);
  return sent.hash;
}

function safeJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
