import {
  type IntentStep,
  newIntent,
  nextStep,
  type SenderPolicy,
  withBroadcastRefused,
  withRefusal,
  withSent,
  withSigned,
} from "@cos/chain";
import { assertNever } from "@cos/protocol";
import { judgeRefusal, type Refusal } from "../domain/judge-refusal.ts";
import type { OperatorCall } from "../domain/operator-call.ts";
import { eachApart } from "./each-apart.ts";
import type { ChainSender, IntentRow, SettlementStore } from "./ports.ts";

export type SendDeps = {
  readonly store: SettlementStore;
  readonly sender: ChainSender;
  readonly policy: SenderPolicy;
  /** Unix seconds. */
  readonly now: () => number;
  /** Told of what happened to an intent. */
  readonly onIntent: (businessId: string, did: string) => void;
  /** Runs one step of a call, and is told when it changes something: for traces. */
  readonly inTrace?: (
    call: OperatorCall,
    step: (onChange: (did: string) => void) => Promise<void>,
  ) => Promise<void>;
};

/** How long to wait when the chain's clock says that it is too early. */
const tooEarlySeconds = 1;

/**
 * Takes every open intent of the signer one step on, oldest first. What a step does to the chain is stored before it is
 * done: a crash anywhere leaves either nothing, or signed bytes that anyone may send again.
 */
export async function sendIntents(deps: SendDeps): Promise<void> {
  const open = await deps.store.openIntents(deps.sender.signer);
  const { inTrace = (_call, step) => step(() => {}) } = deps;
  await eachApart(open, (row) =>
    inTrace(row.call, (onChange) => {
      const onIntent = (businessId: string, did: string) => {
        onChange(did);
        deps.onIntent(businessId, did);
      };
      return stepIntent({ ...deps, onIntent }, row);
    }),
  );
}

async function stepIntent(deps: SendDeps, row: IntentRow): Promise<void> {
  const { sender, policy, now } = deps;
  const at = now();
  const { intent } = row;
  const step: IntentStep =
    intent.transactions.length === 0
      ? nextStep(
          intent,
          { now: at, headNumber: 0, finalizedNumber: -1, finalNonce: 0, mined: undefined },
          policy,
        )
      : nextStep(intent, await sender.view(intent, at), policy);
  switch (step.do) {
    case "wait":
      return;
    case "save": {
      const saved = await deps.store.saveIntent(row, { intent: step.intent, now: at });
      if (saved && step.intent.state !== intent.state) deps.onIntent(row.businessId, step.intent.state);
      return;
    }
    case "sign":
      return at < row.notBefore ? undefined : sign(deps, row, at);
    case "broadcast":
      return send(deps, row, at);
    case "bump": {
      const newest = intent.transactions.at(-1);
      if (!newest || intent.nonce === undefined) throw new TypeError("a bumped intent was signed before");
      const again = await sender.signAgain(newest, intent.nonce, await sender.offer(step.fees));
      return storeAndSend(deps, row, withSigned(intent, intent.nonce, again), at, "bumped");
    }
    default:
      return assertNever(step);
  }
}

/** Simulates, takes a nonce, signs, stores, sends. A refused simulation takes no nonce. */
async function sign(deps: SendDeps, row: IntentRow, at: number): Promise<void> {
  const { store, sender } = deps;
  const allowed = await sender.simulate(row.call);
  if (!allowed.ok) return refuse(deps, row, allowed.error, at);
  const nonce = await sender.nextNonce(await store.lastNonce(sender.signer));
  const signed = await sender.sign(row.call, nonce, allowed.value.gasLimit);
  await storeAndSend(deps, row, withSigned(row.intent, nonce, signed), at, "signed");
}

async function refuse(
  { store, onIntent }: SendDeps,
  row: IntentRow,
  refusal: Refusal,
  now: number,
): Promise<void> {
  const verdict = judgeRefusal(row.call, refusal);
  switch (verdict) {
    case "wait":
      await store.saveIntent(row, { intent: row.intent, now, notBefore: now + tooEarlySeconds });
      return;
    case "done":
      await store.saveIntent(row, { intent: { ...newIntent, state: "final" }, now });
      return onIntent(row.businessId, "done-already");
    case "failed": {
      const intent = withRefusal(row.intent, refusal.name);
      await store.saveIntent(row, { intent, now, failureFacts: refusal.facts });
      return onIntent(row.businessId, `refused ${refusal.name}`);
    }
    default:
      return assertNever(verdict);
  }
}

async function storeAndSend(
  deps: SendDeps,
  row: IntentRow,
  intent: IntentRow["intent"],
  at: number,
  did: string,
): Promise<void> {
  if (!(await deps.store.saveIntent(row, { intent, now: at }))) return;
  deps.onIntent(row.businessId, did);
  await send(deps, { ...row, intent, version: row.version + 1 }, at);
}

async function send({ store, sender, onIntent }: SendDeps, row: IntentRow, at: number): Promise<void> {
  const newest = row.intent.transactions.at(-1);
  if (!newest) throw new TypeError("an intent without signed bytes is not sent");
  const taken = await sender.broadcast(newest);
  if (!taken.ok) {
    const { reason } = taken.error;
    await store.saveIntent(row, { intent: withBroadcastRefused(row.intent, at, reason), now: at });
    return onIntent(row.businessId, "refused by the node");
  }
  const saved = await store.saveIntent(row, { intent: withSent(row.intent, at), now: at, broadcast: true });
  if (saved) onIntent(row.businessId, "sent");
}
