import { OutputPolicy, toRegionCode, VersionPolicy } from "@cos/protocol";
import { ZeroAddress, ZeroHash } from "ethers";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { outputTermsHash } from "./request-access.ts";
import { type RequestDocument, requestUri } from "./request-file.ts";

/** What an owner decides; everything else of the ten clauses is the request's. Times are Unix seconds. */
export type GrantChoice = {
  readonly opMask?: number;
  readonly allowedAlgorithms?: readonly string[];
  readonly notBefore?: number;
  readonly expiry?: number;
  readonly maxRuns: number;
  readonly maxTickets?: number;
  readonly rateMax?: number;
  readonly rateWindow?: number;
  /** Region name; empty for any. */
  readonly region?: string;
  readonly epsilonMicro?: bigint;
  readonly deltaNano?: bigint;
  /** Exact releases in all; one for each run when left out. */
  readonly exactReleases?: number;
  readonly outputPolicy: "owner-only" | "reencrypt";
  readonly pinnedVersion?: number;
  readonly graceSeconds?: number;
  readonly auditEachUse?: boolean;
  readonly feeToken?: string;
  readonly feePerUse?: bigint;
  readonly workFee?: bigint;
  readonly computeBps?: number;
  readonly authorBps?: number;
  readonly autoAuthorise?: boolean;
};

export type Granted = { readonly grantId: string; readonly expiry: number; readonly transaction: string };

const year = 365 * 24 * 3600;

/** Grants a request. `document` must be the one whose digest the grantee put on chain. */
export async function grantAccess(
  client: CosClient,
  owner: Account,
  requestId: string,
  document: RequestDocument,
  choice: GrantChoice,
): Promise<Granted> {
  const request = await client.chain.read("AccessACL", "requestOf", [requestId]);
  if (request.grantee === ZeroAddress) {
    throw new CosFailure("not-found", "REQUEST_UNKNOWN", `there is no request ${requestId}`);
  }
  await checkDocument(client, requestId, document, request.termsHash);
  const notBefore = choice.notBefore ?? (await client.chain.now());
  const expiry = choice.expiry ?? notBefore + year;
  const fee = choice.feePerUse ?? 0n;
  const sent = await client.chain.send(owner, "AccessACL", "grant", [
    requestId,
    {
      sbtId: request.sbtId,
      grantee: request.grantee,
      datasetId: request.datasetId,
      opMask: choice.opMask ?? request.opMask,
      allowedAlgorithms: choice.allowedAlgorithms ?? [],
      purposeHash: request.purposeHash,
      notBefore,
      expiry,
      maxRuns: choice.maxRuns,
      maxTickets: choice.maxTickets ?? 0,
      rateMax: choice.rateMax ?? 0,
      rateWindow: choice.rateWindow ?? 0,
      regionCode: toRegionCode(choice.region ?? ""),
      epsilonMicro: choice.epsilonMicro ?? 0n,
      deltaNano: choice.deltaNano ?? 0n,
      exactReleases: choice.exactReleases ?? choice.maxRuns,
      outputPolicy:
        choice.outputPolicy === "reencrypt" ? OutputPolicy.ReencryptToGrantee : OutputPolicy.OwnerOnly,
      termsHash: request.termsHash,
      versionPolicy: choice.pinnedVersion === undefined ? VersionPolicy.Follow : VersionPolicy.Pin,
      pinnedVersion: choice.pinnedVersion ?? 0,
      graceSeconds: choice.graceSeconds ?? 0,
      auditEachUse: choice.auditEachUse ?? false,
      feeToken: fee === 0n ? ZeroAddress : (choice.feeToken ?? ZeroAddress),
      feePerUse: fee,
      workFee: choice.workFee ?? 0n,
      computeBps: fee === 0n ? 0 : (choice.computeBps ?? 0),
      authorBps: fee === 0n ? 0 : (choice.authorBps ?? 0),
      autoAuthorise: choice.autoAuthorise ?? false,
    },
    document.outputTerms,
  ]);
  return { grantId: requestId, expiry, transaction: sent.hash };
}

async function checkDocument(
  client: CosClient,
  requestId: string,
  document: RequestDocument,
  termsHash: string,
): Promise<void> {
  const [log] = await client.chain.findEvents("AccessACL", "Requested", [requestId]);
  const committed: string = log?.args.uri ?? ZeroHash;
  if (committed !== requestUri(document) || outputTermsHash(document.outputTerms) !== termsHash) {
    throw new CosFailure(
      "integrity",
      "REQUEST_FILE_MISMATCH",
      "the request file is not the one that the grantee committed to on chain",
      { facts: { requestId }, hint: "ask the grantee for the file that `cos access request` wrote" },
    );
  }
}

/** Revokes one grant, or every grant of a dataset. Running jobs under it stop and are refunded. */
export async function revokeAccess(
  client: CosClient,
  owner: Account,
  what: { grantId: string } | { datasetId: string },
): Promise<{ transaction: string }> {
  const sent =
    "grantId" in what
      ? await client.chain.send(owner, "AccessACL", "revoke", [what.grantId])
      : await client.chain.send(owner, "AccessACL", "revokeAll", [what.datasetId]);
  return { transaction: sent.hash };
}
