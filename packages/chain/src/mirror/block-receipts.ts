import type { ChainBlock } from "./chain-block.ts";
import { fail } from "./chain-read-error.ts";
import { bloomOf } from "./logs-bloom.ts";
import { receiptsRootOf } from "./receipts-root.ts";
import { type Fields, hashField, hexField, listField, numberField, objectsField } from "./wire-fields.ts";

/** One log as the node gave it, checked against its block. */
export type RawLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly transactionHash: string;
  readonly logIndex: number;
};

/** How a block's receipts are checked: against its header's receipts root, or, on chains that encode them otherwise, its bloom. */
export type ReceiptsCheck = "root" | "bloom";

/**
 * All logs of a block out of its receipts.
 *
 * Cost of `root`: the receipts' bytes hashed once, about 0.2 ms a receipt; of `bloom`: two hashes for each address and topic.
 * @throws ChainReadError `LOGS_INCOMPLETE` unless there is one receipt per transaction, in order and of this block, none of
 * the logs removed, log indices run from 0 without a gap, and the receipts give the header's root (or the logs its bloom)
 */
export async function checkedLogs(
  block: ChainBlock,
  receipts: unknown,
  check: ReceiptsCheck,
): Promise<RawLog[]> {
  if (!Array.isArray(receipts) || receipts.length !== block.transactions.length)
    return fail("LOGS_INCOMPLETE");
  const logs: RawLog[] = [];
  for (const [at, receipt] of (receipts as Fields[]).entries()) {
    if (hashField(receipt, "transactionHash") !== block.transactions[at]) return fail("LOGS_INCOMPLETE");
    if (hashField(receipt, "blockHash") !== block.hash) return fail("LOGS_INCOMPLETE");
    const transactionHash = block.transactions[at];
    const own = objectsField(receipt, "logs").map((log) => toLog(log, block, transactionHash));
    if (check === "bloom" && bloomOf(own) !== hexField(receipt, "logsBloom")) return fail("LOGS_INCOMPLETE");
    logs.push(...own);
  }
  if (logs.some((log, index) => log.logIndex !== index)) return fail("LOGS_INCOMPLETE");
  const agrees =
    check === "bloom"
      ? bloomOf(logs) === block.logsBloom
      : (await receiptsRootOf(receipts as Fields[])) === block.receiptsRoot;
  return agrees ? logs : fail("LOGS_INCOMPLETE");
}

function toLog(raw: Fields, block: ChainBlock, transactionHash: string): RawLog {
  if (raw.removed === true || hashField(raw, "blockHash") !== block.hash) return fail("LOGS_INCOMPLETE");
  if (hashField(raw, "transactionHash") !== transactionHash) return fail("LOGS_INCOMPLETE");
  return {
    address: hexField(raw, "address"),
    topics: listField(raw, "topics").map((topic) => hashField({ topic }, "topic")),
    data: hexField(raw, "data"),
    transactionHash,
    logIndex: numberField(raw, "logIndex"),
  };
}
