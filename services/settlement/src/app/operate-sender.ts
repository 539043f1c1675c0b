import { bumpFees, type Intent, withCancellation, withSigned } from "@cos/chain";
import { err, ok, type Result } from "@cos/protocol";
import type { ChainSender, IntentRow, SettlementStore } from "./ports.ts";

export type OperateError =
  | { readonly code: "NO_SUCH_INTENT" }
  /** It is in a block, final or failed. */
  | { readonly code: "TOO_LATE"; readonly state: string }
  /** It was never signed: there is nothing to bump. */
  | { readonly code: "NOT_SIGNED" }
  /** The chain asks for no fees, or the cap is reached. */
  | { readonly code: "NOT_REPLACEABLE"; readonly maxFeePerGas: string }
  /** Another leader, or the sender itself, changed it meanwhile: look again. */
  | { readonly code: "CHANGED_MEANWHILE" };

export type OperateDeps = {
  readonly store: Pick<SettlementStore, "findIntent" | "saveIntent">;
  readonly senders: readonly ChainSender[];
  readonly maxFeePerGasCap: bigint;
  /** Unix seconds. */
  readonly now: () => number;
};

/** What became, or in a dry run would become, of an intent. */
export type Operate = (businessId: string, dryRun: boolean) => Promise<Result<IntentRow, OperateError>>;

/**
 * Signs a sent transaction once more with higher fees, without waiting for its time. The new bytes are stored; the
 * sender's next pass broadcasts them.
 */
export const bumpIntent =
  (deps: OperateDeps): Operate =>
  (businessId, dryRun) =>
    operate(deps, businessId, dryRun, async ({ intent }, sender) => {
      const newest = intent.transactions.at(-1);
      if (!newest || intent.nonce === undefined) return err({ code: "NOT_SIGNED" });
      const fees = bumpFees(newest.fees, deps.maxFeePerGasCap);
      if (!fees) return notReplaceable(newest.fees.maxFeePerGas);
      const again = await sender.signAgain(newest, intent.nonce, await sender.offer(fees));
      return ok(withSigned(intent, intent.nonce, again));
    });

/**
 * Gives an intent up: before it is signed at once, afterwards by a transaction under its nonce that does nothing. Whichever
 * of the two is mined counts. The duty behind it stays, and becomes an intent again when settlement next looks.
 */
export const cancelIntent =
  (deps: OperateDeps): Operate =>
  (businessId, dryRun) =>
    operate(deps, businessId, dryRun, async ({ intent }, sender) => {
      const newest = intent.transactions.at(-1);
      if (!newest || intent.nonce === undefined) return ok(withCancellation(intent));
      const fees = bumpFees(newest.fees, deps.maxFeePerGasCap);
      if (!fees) return notReplaceable(newest.fees.maxFeePerGas);
      const nothing = await sender.signCancellation(intent.nonce, await sender.offer(fees));
      return ok(withSigned(intent, intent.nonce, nothing));
    });

const changeable = new Set(["pending", "replaced", "signed", "sent"]);

async function operate(
  { store, senders, now }: OperateDeps,
  businessId: string,
  dryRun: boolean,
  change: (row: IntentRow, sender: ChainSender) => Promise<Result<Intent, OperateError>>,
): Promise<Result<IntentRow, OperateError>> {
  const row = await store.findIntent(businessId);
  if (!row) return err({ code: "NO_SUCH_INTENT" });
  const sender = senders.find(({ signer }) => signer === row.signer);
  if (!sender) return err({ code: "NO_SUCH_INTENT" }); // of a key that this service no longer holds
  if (!changeable.has(row.intent.state)) return err({ code: "TOO_LATE", state: row.intent.state });
  const changed = await change(row, sender);
  if (!changed.ok) return changed;
  const intent = changed.value;
  if (!dryRun && !(await store.saveIntent(row, { intent, now: now() })))
    return err({ code: "CHANGED_MEANWHILE" });
  return ok({ ...row, intent });
}

const notReplaceable = (maxFeePerGas: bigint): Result<never, OperateError> =>
  err({ code: "NOT_REPLACEABLE", maxFeePerGas: maxFeePerGas.toString() });
