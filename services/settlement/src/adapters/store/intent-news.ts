import type { Intent } from "@cos/chain";
import { toMessage } from "@cos/messaging";
import type { TransactionEvent } from "@cos/proto/settlement";
import { canonicalJson } from "@cos/protocol";
import { appendOutbox, type Tx } from "@cos/store";
import { transactionEvents } from "@cos/topics";
import type { IntentChange, IntentRow } from "../../app/ports.ts";
import type { OperatorCall } from "../../domain/operator-call.ts";

/** Tells the topic when an intent is confirmed, or cannot succeed; once per business id and version of the news. */
export async function publishNews(
  tx: Tx,
  row: IntentRow,
  { intent, failureFacts }: IntentChange,
): Promise<void> {
  const known = row.intent.state === intent.state || row.intent.state === "confirmed";
  if (known && intent.state !== "failed") return;
  const event = newsOf(intent, failureFacts ?? row.failureFacts);
  if (!event) return;
  const { businessId } = row;
  const kind = event.$case === "transactionConfirmed" ? "confirmed" : `failed:${row.version}`;
  const headers = { messageId: `settlement:${businessId}:${kind}`, producer: "settlement" };
  await appendOutbox(tx, [toMessage(transactionEvents, { businessId, event }, headers)]);
}

function newsOf(intent: Intent, facts: Readonly<Record<string, string>>): TransactionEvent["event"] {
  const { state, mined, failure } = intent;
  if (state === "failed") {
    const code = failure?.code === "SIMULATION_REVERTED" ? failure.reason : (failure?.code ?? "REVERTED");
    return { $case: "transactionFailed", value: { code, factsJson: canonicalJson(facts) } };
  }
  if (state !== "confirmed" && state !== "final") return undefined;
  if (mined && !mined.succeeded) return undefined;
  const transactionHash = Buffer.from(mined?.transactionHash.slice(2) ?? "", "hex");
  return { $case: "transactionConfirmed", value: { transactionHash } };
}

/** A call that failed is news about its permit: another call may be due instead, such as voiding after a revocation. */
export async function wakePermitOf(tx: Tx, call: OperatorCall, { failure }: Intent): Promise<void> {
  if (call.contract !== "JobPermits") return;
  const fallen = failure?.code === "SIMULATION_REVERTED" && failure.reason === "JobPermits_GrantNotLive";
  await tx.query("UPDATE permit SET wake_at = 0, doubted = doubted OR $2 WHERE permit_id = $1", [
    call.permitId,
    fallen,
  ]);
}
