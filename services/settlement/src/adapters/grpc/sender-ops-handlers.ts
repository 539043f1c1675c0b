import type { Intent } from "@cos/chain";
import type { SenderIntent, SenderOpsServiceService } from "@cos/proto/ops";
import { type GrpcHandlers, RpcFault, type StatusName } from "@cos/service-host";
import type { Operate, OperateError } from "../../app/operate-sender.ts";
import type { IntentRow } from "../../app/ports.ts";

/** An intent with what operators see beside it. */
export type ListedIntent = Pick<IntentRow, "businessId" | "signer" | "intent"> & {
  readonly broadcasts: number;
  /** Unix seconds. */
  readonly updatedAt: number;
};

export type SenderOpsDeps = {
  /** `open`, `all` or one state; newest first, at most 1000. */
  readonly list: (state: string) => Promise<readonly ListedIntent[]>;
  readonly bump: Operate;
  readonly cancel: Operate;
  /** Unix seconds. */
  readonly now: () => number;
};

const states = new Set([
  "open",
  "all",
  "pending",
  "signed",
  "sent",
  "mined",
  "confirmed",
  "final",
  "replaced",
  "failed",
]);

/** What operators may ask of the sender and do to it. */
export const senderOpsHandlers = ({
  list,
  bump,
  cancel,
  now,
}: SenderOpsDeps): GrpcHandlers<typeof SenderOpsServiceService> => {
  const operated = async (operate: Operate, businessId: string, dryRun: boolean) => {
    if (!/^[\x20-\x7e]{1,200}$/.test(businessId)) {
      throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "business_id" });
    }
    const result = await operate(businessId, dryRun);
    if (!result.ok) throw RpcFault.of(result.error, statusOf);
    return { intent: toWire({ ...result.value, broadcasts: 0, updatedAt: now() }) };
  };
  return {
    listIntents: async ({ state }) => {
      const wanted = state === "" ? "open" : state;
      if (!states.has(wanted)) throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "state" });
      return { intents: (await list(wanted)).map(toWire) };
    },
    bumpIntent: ({ businessId, dryRun }) => operated(bump, businessId, dryRun),
    cancelIntent: ({ businessId, dryRun }) => operated(cancel, businessId, dryRun),
  };
};

const statusOf: Readonly<Record<OperateError["code"], StatusName>> = {
  NO_SUCH_INTENT: "NOT_FOUND",
  TOO_LATE: "FAILED_PRECONDITION",
  NOT_SIGNED: "FAILED_PRECONDITION",
  NOT_REPLACEABLE: "FAILED_PRECONDITION",
  CHANGED_MEANWHILE: "ABORTED",
};

function toWire({ businessId, signer, intent, broadcasts, updatedAt }: ListedIntent): SenderIntent {
  const newest = intent.transactions.at(-1);
  return {
    businessId,
    state: intent.state,
    signer: toBytes(signer),
    nonce: intent.nonce === undefined ? "" : String(intent.nonce),
    transactionHash: toBytes(intent.mined?.transactionHash ?? newest?.hash ?? "0x"),
    maxFeePerGas: newest ? newest.fees.maxFeePerGas.toString() : "",
    signatures: intent.transactions.length,
    broadcasts,
    failure: failureOf(intent),
    updatedAt: new Date(updatedAt * 1000),
  };
}

function failureOf({ failure }: Intent): string {
  return failure?.code === "SIMULATION_REVERTED" ? failure.reason : (failure?.code ?? "");
}

const toBytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");
