import { type Digest, purposeHash } from "@cos/protocol";
import { AbiCoder, keccak256 } from "ethers";
import { eventOf } from "../chain/cos-chain.ts";
import type { CosClient } from "../cos-client.ts";
import type { Account } from "../keystore/account.ts";
import { requireIdentity } from "./identity.ts";
import { type RequestDocument, requestUri } from "./request-file.ts";

export type OutputTerms = RequestDocument["outputTerms"];

/** `termsHash` of a grant, as the contract computes it. */
export const outputTermsHash = (terms: OutputTerms): string =>
  keccak256(
    AbiCoder.defaultAbiCoder().encode(
      ["bool", "bool", "bytes32"],
      [terms.allowReencrypt, terms.allowMultiKey, terms.documentHash],
    ),
  );

export type Requested = {
  readonly requestId: string;
  readonly datasetId: string;
  readonly purposeHash: Digest;
  readonly transaction: string;
};

/** Asks for access on chain. The document itself goes to the owner by another way; the chain holds its digest. */
export async function requestAccess(
  client: CosClient,
  grantee: Account,
  want: { datasetId: string; opMask: number; document: RequestDocument },
): Promise<Requested> {
  await requireIdentity(client, grantee.address);
  const purpose = purposeHash(want.document.purpose);
  const sent = await client.chain.send(grantee, "AccessACL", "request", [
    want.datasetId,
    want.opMask,
    purpose,
    outputTermsHash(want.document.outputTerms),
    requestUri(want.document),
  ]);
  const requestId: string = eventOf(sent, "Requested").grantId.toString();
  return { requestId, datasetId: want.datasetId, purposeHash: purpose, transaction: sent.hash };
}
