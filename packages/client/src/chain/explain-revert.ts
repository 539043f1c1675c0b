import { allErrorsAbi } from "@cos/chain";
import { type Reason, refusalCodes } from "@cos/protocol";
import { type ErrorDescription, Interface, isError } from "ethers";
import { CosFailure, type FailureFacts } from "../failure.ts";

const errors = new Interface([...allErrorsAbi] as unknown as string[]);

/** What a revert means, for the errors that a person can do something about. Others are told by their name and values. */
const words: Record<string, { code: string; clause?: number; says: string; hint?: string }> = {
  IdentitySBT_AlreadyHeld: {
    code: "IDENTITY_EXISTS",
    clause: 1,
    says: "this address already holds an identity",
  },
  DatasetRegistry_NoIdentity: {
    code: "NO_IDENTITY",
    clause: 1,
    says: "the owner has no identity on this chain",
    hint: "cos keys identity",
  },
  DatasetRegistry_NotOwner: { code: "NOT_OWNER", clause: 2, says: "only the dataset's owner may do this" },
  DatasetRegistry_Unknown: { code: "DATASET_UNKNOWN", clause: 2, says: "there is no such dataset" },
  DatasetRegistry_Withdrawn: { code: "DATASET_WITHDRAWN", clause: 2, says: "the dataset was withdrawn" },
  AccessACL_NoIdentity: {
    code: "NO_IDENTITY",
    clause: 1,
    says: "the caller has no identity on this chain",
    hint: "cos keys identity",
  },
  AccessACL_NotOwner: { code: "NOT_OWNER", clause: 2, says: "only the dataset's owner may do this" },
  AccessACL_NotParty: { code: "NOT_PARTY", clause: 2, says: "only the grantee or the owner may do this" },
  AccessACL_BadOpMask: {
    code: "OPERATION_NOT_GRANTED",
    clause: 2,
    says: "the operations are not those that were asked for",
  },
  AccessACL_ZeroHash: { code: "PURPOSE_MISMATCH", clause: 3, says: "a request needs a purpose" },
  AccessACL_DiffersFromRequest: {
    code: "DIFFERS_FROM_REQUEST",
    clause: 3,
    says: "identity, dataset, purpose and terms must be those of the request",
  },
  AccessACL_BadWindow: { code: "BAD_WINDOW", clause: 4, says: "the window is empty or already over" },
  AccessACL_BadRate: { code: "BAD_RATE", clause: 4, says: "a rate needs both a count and a window" },
  AccessACL_BadRegion: {
    code: "REGION_MISMATCH",
    clause: 5,
    says: "the dataset must not leave its region",
  },
  AccessACL_GatewayOutsideRegion: {
    code: "REGION_MISMATCH",
    clause: 5,
    says: "the gateway is not attested to be in the grant's region",
  },
  AccessACL_OutputNotAllowed: {
    code: "OUTPUT_NOT_ALLOWED",
    clause: 7,
    says: "the agreed terms do not allow this output policy",
  },
  AccessACL_TermsMismatch: {
    code: "TERMS_MISMATCH",
    clause: 7,
    says: "the output terms are not those of the request",
  },
  AccessACL_WrongState: {
    code: "WRONG_GRANT_STATE",
    clause: 8,
    says: "the request or grant is not in a state that allows this",
  },
  AccessACL_BadVersionPolicy: {
    code: "VERSION_MISMATCH",
    clause: 8,
    says: "the pinned version does not exist or is barred",
  },
  AccessACL_BadFee: {
    code: "BAD_FEE",
    clause: 10,
    says: "fee, work fee, shares or token do not fit together",
  },
  JobPermits_AlgorithmNotApproved: {
    code: "ALGORITHM_NOT_APPROVED",
    clause: 2,
    says: "the program is unknown or not approved on this chain",
    hint: "cos doctor lists the programs of this platform",
  },
  JobPermits_InsufficientFee: {
    code: "INSUFFICIENT_FEE",
    clause: 10,
    says: "the fee is more than --max-fee allows",
    hint: "see the price with `cos job quote`, then allow it with --max-fee",
  },
  JobPermits_FeeTokenMismatch: {
    code: "FEE_TOKEN_MISMATCH",
    clause: 10,
    says: "grant, program and permit name different fee tokens",
  },
  Settlement_TokenNotAllowed: {
    code: "TOKEN_NOT_ALLOWED",
    clause: 10,
    says: "the fee token is not accepted",
  },
  Settlement_NothingToWithdraw: {
    code: "NOTHING_TO_WITHDRAW",
    clause: 10,
    says: "there is nothing to withdraw",
  },
  JobPermits_NotAuthorised: {
    code: "NOT_AUTHORISED",
    clause: 2,
    says: "the owner has not authorised this use",
    hint: "ask the owner for `cos access authorise`, then run the job with --authorisation FILE",
  },
  JobPermits_BadSignature: {
    code: "BAD_AUTHORISATION",
    clause: 2,
    says: "the authorisation is not the owner's, or for other terms",
  },
  JobPermits_SignatureExpired: {
    code: "AUTHORISATION_EXPIRED",
    clause: 4,
    says: "the owner's authorisation is no longer good",
    hint: "ask for a new one",
  },
  JobPermits_AuthorisationCancelled: {
    code: "AUTHORISATION_CANCELLED",
    clause: 8,
    says: "the owner cancelled this authorisation",
  },
  JobPermits_AlreadyIssued: { code: "ALREADY_ISSUED", clause: 4, says: "this permit was issued before" },
  JobPermits_BadExpiry: {
    code: "BAD_EXPIRY",
    clause: 4,
    says: "the permit must expire in the future and not after its grant",
  },
  JobPermits_OperatorOutsideRegion: {
    code: "REGION_MISMATCH",
    clause: 5,
    says: "the operator is not attested to be in the region",
  },
  JobPermits_RootMismatch: {
    code: "VERSION_MISMATCH",
    clause: 2,
    says: "the manifest is not the one that the chain holds for this version",
  },
  JobPermits_WrongDataset: { code: "GRANT_MISMATCH", clause: 2, says: "the grant is for another dataset" },
  JobPermits_NotOwner: { code: "NOT_OWNER", clause: 2, says: "only the dataset's confirmed owner releases" },
  JobPermits_ReleaseBarred: {
    code: "RELEASE_BARRED",
    clause: 8,
    says: "a withdrawal or changed consent bars releases from this version",
  },
  JobPermits_AlreadyReleased: { code: "ALREADY_RELEASED", clause: 7, says: "this part was released before" },
  JobPermits_ReleaseOver: { code: "RELEASE_OVER", clause: 7, says: "the time to release is over" },
  JobPermits_WrongState: {
    code: "WRONG_PERMIT_STATE",
    clause: 8,
    says: "the permit is not in a state that allows this",
  },
  JobPermits_NotGrantee: { code: "NOT_GRANTEE", clause: 1, says: "only the permit's grantee may do this" },
  JobPermits_NotIssuer: {
    code: "NOT_ISSUER",
    clause: 1,
    says: "only the grantee, or an owner of a dataset, issues a permit",
  },
  JobPermits_GrantNotLive: {
    code: "GRANT_REVOKED",
    clause: 8,
    says: "a grant of this permit no longer stands",
  },
  Authority_Paused: { code: "PAUSED", says: "the operator has stopped new requests, grants and permits" },
  Authority_MissingRole: { code: "MISSING_ROLE", says: "this key lacks the role that the call needs" },
  ERC20InsufficientBalance: {
    code: "INSUFFICIENT_FEE",
    clause: 10,
    says: "the account does not hold enough of the fee token",
  },
  ERC20InsufficientAllowance: {
    code: "INSUFFICIENT_FEE",
    clause: 10,
    says: "the fee was not approved to Settlement",
  },
};

/** A revert's custom error, or undefined where the node gave none. */
export function decodeRevert(cause: unknown): ErrorDescription | undefined {
  const data = revertData(cause);
  if (data === undefined || data === "0x") return undefined;
  try {
    return errors.parseError(data) ?? undefined;
  } catch {
    return undefined;
  }
}

/** What a failed call or transaction means: the clause it rests on, and the values that prove it. */
export function explainRevert(cause: unknown): CosFailure {
  const decoded = decodeRevert(cause);
  if (decoded !== undefined) return fromError(decoded);
  if (isError(cause, "NETWORK_ERROR") || isError(cause, "TIMEOUT") || isConnectionFault(cause)) {
    return new CosFailure("unavailable", "CHAIN_UNREACHABLE", "the chain does not answer", {
      hint: "is the platform running? try `cos doctor`",
    });
  }
  if (isError(cause, "INSUFFICIENT_FUNDS")) {
    return new CosFailure("refused", "INSUFFICIENT_GAS", "the account cannot pay for the transaction", {
      hint: "send it some of the chain's coin, or use a private chain without gas prices",
    });
  }
  if (isError(cause, "CALL_EXCEPTION")) {
    return new CosFailure("refused", "REVERTED", "the contract refused without saying why");
  }
  throw cause;
}

function fromError(error: ErrorDescription): CosFailure {
  const facts = namedValues(error);
  const refusal = aclRefusal(error.name);
  if (refusal !== undefined) {
    const { code, clause } = refusal;
    return new CosFailure(
      "refused",
      code,
      clause === 0 ? `refused: ${says(code)}` : `refused by clause ${clause} of the grant: ${says(code)}`,
      { facts, ...(clause > 0 ? { clause } : {}) },
    );
  }
  const known = words[error.name];
  const hint = known?.hint === undefined ? {} : { hint: known.hint };
  const clause = known?.clause === undefined ? {} : { clause: known.clause };
  return new CosFailure(
    "refused",
    known?.code ?? error.name,
    known?.says ?? `the contract refused: ${error.name}`,
    { facts, ...clause, ...hint },
  );
}

const aclRefusal = (name: string): { code: string; clause: number } | undefined => {
  const reason = name.startsWith("AccessACL_") ? (name.slice("AccessACL_".length) as Reason) : undefined;
  return reason !== undefined && Object.hasOwn(refusalCodes, reason)
    ? refusalCodes[reason as keyof typeof refusalCodes]
    : undefined;
};

const plain: Record<string, string> = {
  NO_GRANT: "there is no such grant",
  NOT_GRANTED: "access was asked for, but not granted",
  GRANT_REVOKED: "the grant was revoked",
  GRANTEE_MISMATCH: "the grant names another grantee",
  IDENTITY_DEAD: "the grantee's identity is gone or moved",
  DATASET_SUSPENDED: "the dataset is paused, or its owner is unsettled",
  OPERATION_NOT_GRANTED: "the operation is not granted",
  PURPOSE_MISMATCH: "the purpose is not the one that was granted",
  GRANT_NOT_YET_VALID: "the grant is not valid yet",
  GRANT_EXPIRED: "the grant has expired",
  REGION_MISMATCH: "the work would leave the granted region",
  RUNS_EXHAUSTED: "all runs of the grant are used up",
  TICKETS_EXHAUSTED: "all tickets of the grant are used up",
  RATE_EXCEEDED: "too many runs in this window",
  BUDGET_EXHAUSTED: "the privacy budget is used up",
  RELEASES_EXHAUSTED: "the grant's exact releases are used up",
  VERSION_BARRED: "a withdrawal or changed consent bars this version",
  VERSION_MISMATCH: "the version is not the one that the grant follows or pins",
  ALGORITHM_NOT_ALLOWED: "the program is not on the grant's list",
};
const says = (code: string): string => plain[code] ?? code;

function namedValues(error: ErrorDescription): FailureFacts {
  const facts: Record<string, string> = {};
  for (const [i, input] of error.fragment.inputs.entries()) facts[input.name] = String(error.args[i]);
  return facts;
}

function revertData(cause: unknown): string | undefined {
  if (typeof cause !== "object" || cause === null) return undefined;
  const { data, info, error } = cause as { data?: unknown; info?: { error?: unknown }; error?: unknown };
  if (typeof data === "string" && data.startsWith("0x")) return data;
  return revertData(info?.error) ?? revertData(error) ?? revertData(data);
}

const isConnectionFault = (cause: unknown): boolean => {
  const code = (cause as { code?: unknown } | null)?.code;
  return typeof code === "string" && ["ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENOTFOUND"].includes(code);
};
