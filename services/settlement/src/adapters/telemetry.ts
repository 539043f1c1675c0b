import type { Db } from "@cos/store";
import type { Telemetry } from "@cos/telemetry";
import type { Provider } from "ethers";
import type { OperatorCall } from "../domain/operator-call.ts";

/** Reads the operator's transactions, waiting uses and the signing keys' balances at each scrape. */
export function watchTransactions(
  { metrics }: Telemetry,
  db: Db,
  provider: Pick<Provider, "getBalance">,
  signers: Readonly<Record<string, { readonly address: string }>>,
): void {
  metrics.collect("intents", async (set) => {
    const { rows } = await db.query<{ state: string; count: bigint; age: number }>(
      `SELECT state, count(*), extract(epoch FROM now() - min(created_at))::float8 AS age
       FROM intent WHERE state <> 'final' GROUP BY state`,
    );
    for (const { state, count } of rows) set("intents", { state }, Number(count));
    const waiting = rows.filter(({ state }) => unmined.has(state));
    set("intentOldestAge", {}, Math.max(0, ...waiting.map(({ age }) => age)));
  });
  metrics.collect("uses", async (set) => {
    const { rows } = await db.query<{ count: bigint }>(
      "SELECT count(*) FROM ticket_use WHERE taken_by IS NULL",
    );
    set("usesWaiting", {}, Number(rows[0]?.count ?? 0n));
  });
  metrics.collect("signer-balance", async (set) => {
    for (const [role, { address }] of Object.entries(signers)) {
      set("signerBalance", { role }, Number(await provider.getBalance(address)));
    }
  });
}

const unmined: ReadonlySet<string> = new Set(["pending", "signed", "sent", "replaced"]);

/** Counts what happened to a transaction; a refusal's own name stays in the log. */
export const countChange = ({ metrics }: Telemetry, did: string): void =>
  metrics.count("intentChanges", { change: did.split(" ", 1)[0] ?? did });

/** Runs a step of an operator's call in its job's trace; a step that changed nothing leaves no span. */
export const tracedStep =
  (telemetry: Telemetry) =>
  (call: OperatorCall, step: (onChange: (did: string) => void) => Promise<void>): Promise<void> => {
    if (call.contract !== "JobPermits") return step(() => {});
    const name = `transaction ${call.transaction.call}`;
    return telemetry.jobSpanIfUsed(call.permitId, name, { kind: "client" }, (span, keep) =>
      step((did) => {
        span.setAttribute("cos.change", did.split(" ", 1)[0] ?? did);
        keep();
      }),
    );
  };
