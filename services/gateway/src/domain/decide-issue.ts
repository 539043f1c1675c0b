import { type Address, err, Op, ok, type Result } from "@cos/protocol";
import { type Refusal, refusal } from "./refusal.ts";

/** How far a mirrored fact is from being undone. */
export type Depth = "confirmed" | "finalized";

/** A dataset as the mirror has it. */
export type DatasetFacts = {
  readonly owner: Address;
  readonly status: "active" | "paused" | "withdrawn";
  /** A transfer waits for the new owner's confirmation. */
  readonly suspended: boolean;
  /** Oldest first. */
  readonly versions: readonly VersionFacts[];
};
export type VersionFacts = { readonly version: number; readonly reason: string };

/** Whether a version for this reason bars every earlier one. */
export const barsEarlier = (reason: string): boolean => reason === "withdraw" || reason === "consent";

/**
 * @param wanted 0 means the newest
 * @errors `NOT_FOUND` when the dataset has no such version
 */
export function resolveVersion(dataset: DatasetFacts, wanted: number): Result<number, Refusal> {
  const newest = dataset.versions.at(-1)?.version;
  const version = wanted === 0 ? newest : wanted;
  if (version === undefined || !dataset.versions.some((v) => v.version === version)) {
    return err(refusal("NOT_FOUND", { field: "version", asked: wanted, newest: newest ?? 0 }));
  }
  return ok(version);
}

/** An upload that an identity asks for. Bytes. */
export type UploadWish = {
  /** The caller's live identity token, if it has one. */
  readonly sbtId: string | undefined;
  readonly maxBytes: number;
  readonly usedBytes: number;
  readonly quotaBytes: number;
};

/** @errors `IDENTITY_MISSING`, `INVALID_FIELD` for no bytes at all, `QUOTA_EXCEEDED` */
export function decideUpload(wish: UploadWish): Result<{ sbtId: string }, Refusal> {
  if (wish.sbtId === undefined) return err(refusal("IDENTITY_MISSING"));
  if (wish.maxBytes < 1) return err(refusal("INVALID_FIELD", { field: "max_bytes" }));
  if (wish.usedBytes + wish.maxBytes > wish.quotaBytes) {
    const { maxBytes: askedBytes, usedBytes, quotaBytes } = wish;
    return err(refusal("QUOTA_EXCEEDED", { askedBytes, usedBytes, quotaBytes }));
  }
  return ok({ sbtId: wish.sbtId });
}

/** An owner's look at its own dataset. Versions that a withdrawal bars may be asked for: what is left of them is empty. */
export function decideOwnDataset(
  caller: Address,
  dataset: DatasetFacts,
  wantedVersion: number,
): Result<{ version: number }, Refusal> {
  if (caller !== dataset.owner) return err(refusal("NOT_OWNER"));
  if (dataset.suspended) return err(refusal("DATASET_UNAVAILABLE", { suspended: true }));
  const version = resolveVersion(dataset, wantedVersion);
  return version.ok ? ok({ version: version.value }) : version;
}

/** What a grantee asks of a dataset, with what the mirror knows. The ten clauses are `access`'s answer, not repeated here. */
export type DatasetWish = {
  readonly op: number;
  readonly grantId: string;
  /** How deep the asked version's log lies; undefined while it is not mirrored here. */
  readonly versionDepth: Depth | undefined;
  readonly session: SessionFacts | undefined;
  readonly caller: Address;
  /** This gateway's identity key. */
  readonly gateway: Address;
};
/** A session of tickets that the grantee reserved on chain, for one gateway. */
export type SessionFacts = {
  readonly grantId: string;
  readonly grantee: Address;
  readonly op: number;
  readonly gateway: Address;
  readonly reserved: number;
  readonly issued: number;
  readonly depth: Depth;
};

/** @errors `INVALID_FIELD` unless exactly one of READ and EXPORT is asked for */
export function checkTicketOp(op: number): Result<number, Refusal> {
  if (op === Op.READ || op === Op.EXPORT) return ok(op);
  return err(refusal("INVALID_FIELD", { field: "op_mask", detail: "READ or EXPORT" }));
}

/**
 * The gateway's own rules for a DATASET ticket: a session reserved for this grant, grantee, operation and gateway with
 * tickets left, and finality before an EXPORT.
 *
 * @errors `SESSION_UNKNOWN`, `TICKETS_EXHAUSTED`, `NOT_FINAL`
 */
export function decideDatasetTicket(wish: DatasetWish): Result<undefined, Refusal> {
  const { session } = wish;
  if (session === undefined || !isFor(session, wish)) return err(refusal("SESSION_UNKNOWN"));
  if (session.issued >= session.reserved) {
    return err(refusal("TICKETS_EXHAUSTED", { reserved: session.reserved, issued: session.issued }));
  }
  return decideFinality(wish.op, { session: session.depth, version: wish.versionDepth });
}

const isFor = (session: SessionFacts, wish: DatasetWish): boolean =>
  session.grantId === wish.grantId &&
  session.grantee === wish.caller &&
  session.op === wish.op &&
  session.gateway === wish.gateway;

/** EXPORT waits until reservation and version are final; READ does not. */
export function decideFinality(
  op: number,
  depths: { readonly session: Depth; readonly version: Depth | undefined },
): Result<undefined, Refusal> {
  if (op !== Op.EXPORT) return ok(undefined);
  if (depths.session !== "finalized") return err(refusal("NOT_FINAL", { what: "session" }));
  if (depths.version !== "finalized") return err(refusal("NOT_FINAL", { what: "version" }));
  return ok(undefined);
}
