import type { NextTransaction, PermitId } from "@cos/protocol";
import type { Use } from "./use.ts";
import type { UseBatch } from "./use-batch.ts";

/** A call that an operator owes the chain. */
export type OperatorCall =
  | { readonly contract: "JobPermits"; readonly permitId: PermitId; readonly transaction: NextTransaction }
  | { readonly contract: "UsageLog"; readonly record: Use }
  | {
      readonly contract: "UsageLog";
      readonly batch: Omit<UseBatch, "leavesJson"> & { readonly uri: string };
    };

const verbs: Readonly<Record<NextTransaction["call"], string>> = {
  postResult: "post-result",
  fail: "fail",
  voidRevoked: "void-revoked",
  expire: "expire",
  accept: "accept",
  timeOutRuling: "time-out-ruling",
  lapse: "lapse",
};

/** The business id of a call: what it does to which thing. The same duty always has the same one. */
export function businessIdOf(call: OperatorCall): string {
  if (call.contract === "JobPermits") return `${verbs[call.transaction.call]}:${call.permitId}`;
  if ("record" in call) return `use:${call.record.grantId}:${call.record.useId}`;
  return `use-batch:${call.batch.root}`;
}

/** A reason as the contract's `bytes32` detail carries it: at most 31 printable ASCII characters. */
export const toDetail = (code: string): string => code.replace(/[^\x20-\x7e]/g, "?").slice(0, 31);
