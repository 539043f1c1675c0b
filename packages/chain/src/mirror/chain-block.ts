import { fail } from "./chain-read-error.ts";
import { hashField, hexField, listField, numberField } from "./wire-fields.ts";

/** What a block's header says of its place and its logs. `time`: Unix seconds. */
export type ChainBlock = {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly time: number;
  /** 256 bytes, hex. */
  readonly logsBloom: string;
  /** Root of the trie of receipts. */
  readonly receiptsRoot: string;
  /** Hashes, in order. */
  readonly transactions: readonly string[];
};

/**
 * Reads a block as `eth_getBlockByNumber` gives it without its transactions' bodies.
 * @throws ChainReadError `FIELD_MISSING`
 */
export function toChainBlock(raw: unknown): ChainBlock {
  const fields = raw as Readonly<Record<string, unknown>>;
  const logsBloom = hexField(fields, "logsBloom");
  return {
    number: numberField(fields, "number"),
    hash: hashField(fields, "hash"),
    parentHash: hashField(fields, "parentHash"),
    time: numberField(fields, "timestamp"),
    logsBloom: logsBloom.length === 514 ? logsBloom : fail("FIELD_MISSING"),
    receiptsRoot: hashField(fields, "receiptsRoot"),
    transactions: listField(fields, "transactions").map((hash) => hashField({ hash }, "hash")),
  };
}
