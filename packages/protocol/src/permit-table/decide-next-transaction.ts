import type { Digest } from "../ids.ts";
import type { PermitFacts } from "./permit.ts";
import { decideCall, type PermitCall } from "./permit-table.ts";

/** How the job behind a permit stands with those who compute it. */
export type JobOutcome =
  /** Still under way, or not heard of yet. */
  | { readonly kind: "open" }
  /** Its result is stored. */
  | { readonly kind: "completed"; readonly commitment: Digest; readonly uri: string }
  /** It was refused before any work, or given up; `code` is the reason. */
  | { readonly kind: "failed"; readonly code: string };

/** A transaction that the operator owes the chain now. */
export type NextTransaction =
  | { readonly call: "postResult"; readonly commitment: Digest; readonly uri: string }
  | { readonly call: "fail"; readonly detail: string }
  | { readonly call: "voidRevoked" | "expire" | "accept" | "timeOutRuling" | "lapse" };

/** Send it now, or look again at `wakeAt` (Unix seconds); `undefined` when only somebody else's act can go on. */
export type NextStep =
  | { readonly kind: "send"; readonly transaction: NextTransaction }
  | { readonly kind: "wait"; readonly wakeAt: bigint | undefined };

/**
 * What the operator does next for one of its permits: the calls of the permit table that are an operator's, each as
 * soon as its guard holds, in the order: expire what is over, void what was revoked, post or fail what is decided,
 * then accept, time out and lapse by the clock.
 *
 * Pure and memoryless: asking again after any crash gives the same answer, and the chain refuses doubles.
 *
 * @param grantsLive whether every grant of the permit stands, by the mirror
 * @param at block time, Unix seconds
 */
export function decideNextTransaction(
  permit: PermitFacts,
  outcome: JobOutcome,
  grantsLive: boolean,
  at: bigint,
): NextStep {
  for (const [transaction, call] of candidates(permit, outcome, grantsLive)) {
    const decided = decideCall(permit, call, at);
    if (decided.ok && !decided.value.unchanged) return { kind: "send", transaction };
  }
  return { kind: "wait", wakeAt: nextDeadline(permit) };
}

function candidates(
  permit: PermitFacts,
  outcome: JobOutcome,
  grantsLive: boolean,
): [NextTransaction, PermitCall][] {
  switch (permit.state) {
    case "Issued":
      return [
        [{ call: "expire" }, { name: "expire" }],
        [{ call: "voidRevoked" }, { name: "voidRevoked", grantsLive }],
        ...ending(outcome, grantsLive),
      ];
    case "Posted":
      return [[{ call: "accept" }, { name: "accept" }]];
    case "Challenged":
      return [[{ call: "timeOutRuling" }, { name: "timeOutRuling" }]];
    case "Accepted":
      return [[{ call: "lapse" }, { name: "lapse" }]];
    default:
      return [];
  }
}

function ending(outcome: JobOutcome, grantsLive: boolean): [NextTransaction, PermitCall][] {
  if (outcome.kind === "failed") return [[{ call: "fail", detail: outcome.code }, { name: "fail" }]];
  if (outcome.kind === "open") return [];
  const { commitment, uri } = outcome;
  return [
    [
      { call: "postResult", commitment, uri },
      { name: "postResult", commitment, grantsLive },
    ],
  ];
}

/** The next second at which a guard changes by the clock alone. */
function nextDeadline(permit: PermitFacts): bigint | undefined {
  switch (permit.state) {
    case "Issued":
      return permit.expiry;
    case "Posted":
      return permit.challengeEnds;
    case "Challenged":
      return permit.ruleBy;
    case "Accepted":
      return permit.releaseBy;
    default:
      return undefined;
  }
}
