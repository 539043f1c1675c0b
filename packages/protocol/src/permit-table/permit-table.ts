/**
 * The permit table of DESIGN.md section 4: from which state which call, under which guard, leads where and moves which
 * money. The twin of `contracts/src/JobPermits.sol`, without roles: who may call is the contract's business.
 */
import type { DatasetId, Digest } from "../ids.ts";
import { err, ok, type Result } from "../result.ts";
import { feeOf, type PermitFacts, type PermitItem } from "./permit.ts";
import type { PermitStateName } from "./permit-state.ts";

/** A call on a permit and what it carries. `grantsLive`: whether every grant stands at that moment. */
export type PermitCall =
  | { readonly name: "postResult"; readonly commitment: Digest; readonly grantsLive: boolean }
  | { readonly name: "cancel" }
  | { readonly name: "voidRevoked"; readonly grantsLive: boolean }
  | { readonly name: "expire" }
  | { readonly name: "fail" }
  | { readonly name: "challenge" }
  | { readonly name: "accept" }
  | { readonly name: "rule"; readonly resultStands: boolean }
  | { readonly name: "timeOutRuling" }
  | { readonly name: "release"; readonly datasetId: DatasetId; readonly barred: boolean }
  | { readonly name: "lapse" };
export type PermitCallName = PermitCall["name"];

/** An amount that leaves the lock. `data-share` names the dataset whose owner is paid. */
export type Movement =
  | { readonly kind: "compute-share" | "work-fee"; readonly to: "operator"; readonly amount: bigint }
  | { readonly kind: "author-share"; readonly to: "author"; readonly amount: bigint }
  | {
      readonly kind: "data-share";
      readonly to: "owner";
      readonly datasetId: DatasetId;
      readonly amount: bigint;
    }
  | { readonly kind: "refund"; readonly to: "grantee"; readonly amount: bigint }
  | { readonly kind: "bond"; readonly to: "operator" | "challenger"; readonly amount: bigint };

/** Where a call leads. `unchanged`: the effect was there already, as when the same result is posted twice. */
export type Transition = {
  readonly to: PermitStateName;
  readonly money: readonly Movement[];
  readonly unchanged: boolean;
};

export type PermitRefusal =
  /** The table has no row for this call from this state. */
  | { readonly code: "WRONG_STATE"; readonly state: PermitStateName; readonly call: PermitCallName }
  /** The deadline of the call is past: `at >= deadline`. */
  | {
      readonly code: "TOO_LATE";
      readonly call: PermitCallName;
      readonly deadline: bigint;
      readonly at: bigint;
    }
  /** The call waits for its time: `at < from`. */
  | { readonly code: "TOO_EARLY"; readonly call: PermitCallName; readonly from: bigint; readonly at: bigint }
  /** A grant no longer stands, so no result is taken. */
  | { readonly code: "GRANT_NOT_LIVE" }
  /** Every grant stands, so there is nothing to void. */
  | { readonly code: "GRANTS_LIVE" }
  /** A result with another commitment was posted. */
  | { readonly code: "COMMITMENT_CONFLICT"; readonly posted: Digest; readonly given: Digest }
  /** The permit does not cover the dataset. */
  | { readonly code: "NO_SUCH_DATASET"; readonly datasetId: DatasetId }
  /** This dataset's part was released. */
  | { readonly code: "ALREADY_RELEASED"; readonly datasetId: DatasetId }
  /** Withdrawal or consent bars the release. */
  | { readonly code: "RELEASE_BARRED"; readonly datasetId: DatasetId };

type Outcome = Result<Transition, PermitRefusal>;
type Row<C extends PermitCall> = {
  readonly from: PermitStateName;
  readonly step: (permit: PermitFacts, call: C, at: bigint) => Outcome;
};

/**
 * Applies one call to a permit at time `at` (block time, Unix seconds).
 * @errors a `PermitRefusal`, where the contract reverts
 */
export function decideCall(permit: PermitFacts, call: PermitCall, at: bigint): Outcome {
  if (call.name === "postResult") {
    const repeated = repeatsCommitment(permit, call.commitment);
    if (repeated) return repeated;
  }
  const row = permitTable[call.name] as Row<PermitCall>;
  if (permit.state !== row.from) return err({ code: "WRONG_STATE", state: permit.state, call: call.name });
  return row.step(permit, call, at);
}

/** Every row of the table; a call has one state that it leaves. */
export const permitTable: { readonly [N in PermitCallName]: Row<Extract<PermitCall, { name: N }>> } = {
  postResult: {
    from: "Issued",
    step: (permit, { grantsLive }, at) => {
      if (at >= permit.expiry) return tooLate("postResult", permit.expiry, at);
      return grantsLive ? moved("Posted") : err({ code: "GRANT_NOT_LIVE" });
    },
  },
  cancel: { from: "Issued", step: (permit, _call, at) => refunded(permit, workFeeAt(permit, at)) },
  voidRevoked: {
    from: "Issued",
    step: (permit, { grantsLive }, at) =>
      grantsLive ? err({ code: "GRANTS_LIVE" }) : refunded(permit, workFeeAt(permit, at)),
  },
  expire: {
    from: "Issued",
    step: (permit, _call, at) =>
      at < permit.expiry ? tooEarly("expire", permit.expiry, at) : refunded(permit, 0n),
  },
  fail: { from: "Issued", step: (permit) => refunded(permit, 0n) },
  challenge: {
    from: "Posted",
    step: (permit, _call, at) =>
      at >= permit.challengeEnds ? tooLate("challenge", permit.challengeEnds, at) : moved("Challenged"),
  },
  accept: {
    from: "Posted",
    step: (permit, _call, at) =>
      at < permit.challengeEnds && !isReplicated(permit)
        ? tooEarly("accept", permit.challengeEnds, at)
        : accepted(permit),
  },
  rule: {
    from: "Challenged",
    step: (permit, { resultStands }, at) => {
      if (at >= permit.ruleBy) return tooLate("rule", permit.ruleBy, at);
      if (resultStands) return accepted(permit, { kind: "bond", to: "operator", amount: permit.bond });
      return refunded(permit, 0n, { kind: "bond", to: "challenger", amount: permit.bond });
    },
  },
  timeOutRuling: {
    from: "Challenged",
    step: (permit, _call, at) =>
      at < permit.ruleBy
        ? tooEarly("timeOutRuling", permit.ruleBy, at)
        : refunded(permit, 0n, { kind: "bond", to: "challenger", amount: permit.bond }),
  },
  release: {
    from: "Accepted",
    step: (permit, { datasetId, barred }, at) => {
      if (at >= permit.releaseBy) return tooLate("release", permit.releaseBy, at);
      const item = permit.items.find((each) => each.datasetId === datasetId);
      if (!item) return err({ code: "NO_SUCH_DATASET", datasetId });
      if (item.released) return err({ code: "ALREADY_RELEASED", datasetId });
      return barred ? err({ code: "RELEASE_BARRED", datasetId }) : released(permit, item);
    },
  },
  lapse: {
    from: "Accepted",
    step: (permit, _call, at) =>
      at < permit.releaseBy ? tooEarly("lapse", permit.releaseBy, at) : lapsed(permit),
  },
};

/** Whether enough workers attested the posted result to shorten the challenge window. */
export const isReplicated = (permit: Pick<PermitFacts, "replicas" | "attestations">): boolean =>
  permit.replicas !== 0 && permit.attestations >= permit.replicas;

/** What cancelling or revoking costs: the work fee from the end of the grace period until the permit expires. */
export const workFeeAt = (permit: PermitFacts, at: bigint): bigint =>
  at >= permit.graceEnds && at < permit.expiry ? permit.work : 0n;

/** Posting the same commitment again is a no-op in every later state; another one reverts. */
function repeatsCommitment(permit: PermitFacts, given: Digest): Outcome | undefined {
  const posted = permit.resultCommitment;
  if (posted === undefined) return undefined;
  if (posted === given) return ok({ to: permit.state, money: [], unchanged: true });
  return err({ code: "COMMITMENT_CONFLICT", posted, given });
}

function accepted(permit: PermitFacts, ...bond: Movement[]): Outcome {
  return moved(
    "Accepted",
    { kind: "compute-share", to: "operator", amount: permit.compute },
    { kind: "author-share", to: "author", amount: permit.author },
    ...bond,
  );
}

function refunded(permit: PermitFacts, workFee: bigint, ...bond: Movement[]): Outcome {
  return moved(
    "Refunded",
    { kind: "work-fee", to: "operator", amount: workFee },
    { kind: "refund", to: "grantee", amount: feeOf(permit) - workFee },
    ...bond,
  );
}

function released(permit: PermitFacts, item: PermitItem): Outcome {
  const last = permit.items.every((each) => each.released || each.datasetId === item.datasetId);
  const share = {
    kind: "data-share",
    to: "owner",
    datasetId: item.datasetId,
    amount: item.dataShare,
  } as const;
  return moved(last ? "Released" : "Accepted", share);
}

function lapsed(permit: PermitFacts): Outcome {
  const unreleased = permit.items.filter((item) => !item.released);
  const amount = unreleased.reduce((sum, item) => sum + item.dataShare, 0n);
  return moved("Lapsed", { kind: "refund", to: "grantee", amount });
}

/** Nothing moves for nothing: movements of 0 are left out, as on chain. */
const moved = (to: PermitStateName, ...money: Movement[]): Outcome =>
  ok({ to, money: money.filter(({ amount }) => amount !== 0n), unchanged: false });

const tooLate = (call: PermitCallName, deadline: bigint, at: bigint): Outcome =>
  err({ code: "TOO_LATE", call, deadline, at });

const tooEarly = (call: PermitCallName, from: bigint, at: bigint): Outcome =>
  err({ code: "TOO_EARLY", call, from, at });
