import { PermitState, type PermitStateName } from "@cos/protocol";
import type { OperatorCall } from "./operator-call.ts";

/** A contract's custom error and its values. */
export type Refusal = { readonly name: string; readonly facts: Readonly<Record<string, string>> };

/** What a refused simulation means for an intent. */
export type Verdict =
  /** The effect is there already: somebody else's transaction, or ours by another way. */
  | "done"
  /** The chain's clock is behind ours: try again shortly. */
  | "wait"
  /** It cannot succeed as things are. */
  | "failed";

const tooEarly = new Set([
  "JobPermits_StillChallengeable",
  "JobPermits_NotExpired",
  "JobPermits_RulingOpen",
  "JobPermits_ReleaseOpen",
]);

/** States that prove that a call's effect is there, by the call. */
const proofs: { readonly [call: string]: readonly PermitStateName[] } = {
  fail: ["Refunded"],
  voidRevoked: ["Refunded"],
  expire: ["Refunded"],
  timeOutRuling: ["Refunded"],
  accept: ["Accepted", "Released", "Lapsed"],
  lapse: ["Lapsed"],
};

/** Judges what simulation refused. Posting the same commitment again is not refused at all: the contract lets it pass. */
export function judgeRefusal(call: OperatorCall, { name, facts }: Refusal): Verdict {
  if (tooEarly.has(name)) return "wait";
  if (call.contract !== "JobPermits" || name !== "JobPermits_WrongState") return "failed";
  const proven = (proofs[call.transaction.call] ?? []).map((state) => String(PermitState[state]));
  return proven.includes(facts.state ?? "") ? "done" : "failed";
}
