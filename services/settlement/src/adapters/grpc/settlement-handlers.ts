import type { Intent, SettlementServiceService } from "@cos/proto/settlement";
import { type Address, asAddress, canonicalJson } from "@cos/protocol";
import { type GrpcHandlers, RpcFault } from "@cos/service-host";
import type { IntentSummary, SettlementQueries, Statement } from "../../app/statements.ts";
import { toHex } from "../../domain/chain-log.ts";

export type SettlementHandlerDeps = {
  readonly statementOf: (account: Address) => Promise<Statement>;
  readonly queries: Pick<SettlementQueries, "intents">;
};

const states = new Set([
  "",
  "pending",
  "signed",
  "sent",
  "mined",
  "confirmed",
  "final",
  "replaced",
  "failed",
]);

/** Statements and operator transactions: each rpc decodes, asks once and encodes. */
export const settlementHandlers = (
  deps: SettlementHandlerDeps,
): GrpcHandlers<typeof SettlementServiceService> => ({
  getStatement: async ({ account }) => {
    if (account.length !== 20) throw badField("account");
    const { lines, balances } = await deps.statementOf(asAddress(toHex(account)));
    return {
      lines: lines.map((line) => ({
        permitId: line.permitId ? toBytes(line.permitId) : Buffer.alloc(0),
        kind: line.kind,
        amount: line.amount.toString(),
        token: toBytes(line.token),
        blockTime: BigInt(line.blockTime),
        transactionHash: toBytes(line.transactionHash),
      })),
      balances: [...balances].map(([token, amount]) => ({
        token: toBytes(token),
        amount: amount.toString(),
      })),
    };
  },

  listIntents: async ({ state }) => {
    if (!states.has(state)) throw badField("state");
    return { intents: (await deps.queries.intents(state)).map(toWire) };
  },
});

const toWire = (intent: IntentSummary): Intent => ({
  businessId: intent.businessId,
  state: intent.state,
  transactionHash: toBytes(intent.transactionHash),
  nonce: BigInt(intent.nonce ?? 0),
  broadcasts: intent.broadcasts,
  failure: intent.failure,
  failureFactsJson: Object.keys(intent.failureFacts).length === 0 ? "" : canonicalJson(intent.failureFacts),
  updatedAt: new Date(intent.updatedAt * 1000),
});

const toBytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");

const badField = (field: string): RpcFault => new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field });
