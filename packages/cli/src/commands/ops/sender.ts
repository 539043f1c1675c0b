import { toHex } from "@cos/client";
import { type SenderIntent, SenderOpsServiceService } from "@cos/proto/ops";
import type { Context } from "../../context.ts";
import { type CommandResult, formatTime, shortHex, table } from "../../output.ts";
import { Operator, type OperatorOptions } from "./operator.ts";

/** `cos ops sender pending`: operator transactions that are neither final nor failed, or those of one state. */
export async function listIntents(
  context: Context,
  options: OperatorOptions & { state: string },
): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const { intents } = await operator.call("settlement", SenderOpsServiceService, (ops) =>
    ops.listIntents({ state: options.state }),
  );
  const rows = intents
    .map(toData)
    .map((each) => [
      each.businessId,
      each.state,
      each.nonce ?? "-",
      shortHex(each.transactionHash ?? "-"),
      each.maxFeePerGas ?? "-",
      `${each.signatures}`,
      each.failure ?? "",
      each.updatedAt,
    ]);
  const headings = ["transaction", "state", "nonce", "hash", "wei/gas", "signed", "failure", "changed"];
  return {
    data: { intents: intents.map(toData) },
    text: rows.length === 0 ? ["none"] : table(headings, rows),
  };
}

/** `cos ops sender bump` and `cos ops sender cancel`. */
export const changeIntent =
  (rpc: "bumpIntent" | "cancelIntent") =>
  async (
    context: Context,
    businessId: string,
    options: OperatorOptions & { dryRun?: boolean },
  ): Promise<CommandResult> => {
    const operator = await Operator.of(context, options);
    const dryRun = options.dryRun === true;
    const { intent } = await operator.call("settlement", SenderOpsServiceService, (ops) =>
      ops[rpc]({ businessId, dryRun }),
    );
    if (!intent) throw new TypeError("the service answered without a transaction");
    const data = toData(intent);
    const lines = Object.entries(data).map(([name, value]) => `${name.padEnd(16)} ${value ?? "-"}`);
    return {
      data: { intent: data, dryRun },
      text: dryRun ? ["dry run: it would become", ...lines] : lines,
    };
  };

const toData = (intent: SenderIntent) => ({
  businessId: intent.businessId,
  state: intent.state,
  signer: toHex(intent.signer),
  nonce: intent.nonce === "" ? null : intent.nonce,
  transactionHash: intent.transactionHash.length === 0 ? null : toHex(intent.transactionHash),
  maxFeePerGas: intent.maxFeePerGas === "" ? null : intent.maxFeePerGas,
  signatures: intent.signatures,
  broadcasts: intent.broadcasts,
  failure: intent.failure === "" ? null : intent.failure,
  updatedAt: formatTime(Math.floor((intent.updatedAt?.getTime() ?? 0) / 1000)),
});
