import type { JsonRpcApiProvider } from "ethers";
import { bloomOf, mayContain } from "./logs-bloom.ts";

/** What a block's header says of its place and its logs. `time`: Unix seconds. */
export type ChainBlock = {
  readonly number: number;
  readonly hash: string;
  readonly parentHash: string;
  readonly time: number;
  /** 256 bytes, hex. */
  readonly logsBloom: string;
  /** Hashes, in order. */
  readonly transactions: readonly string[];
};

/** One log as the node gave it, checked against its block. */
export type RawLog = {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly transactionHash: string;
  readonly logIndex: number;
};

/** A chain read block by block. Every method throws `ChainReadError` when the node fails or says what cannot be true. */
export interface BlockReader {
  chainId(): Promise<bigint>;
  head(): Promise<ChainBlock>;
  /** Height of the newest final block; -1 while there is none. */
  finalizedNumber(): Promise<number>;
  /** The block at a height on the node's present chain; undefined above its head. */
  blockAt(number: number): Promise<ChainBlock | undefined>;
  /** The logs of `addresses` in exactly this block, in order; all of them or an error. */
  logsOf(block: ChainBlock, addresses: readonly string[]): Promise<RawLog[]>;
}

/** The node's answer cannot be used: try again, or another node. */
export class ChainReadError extends Error {
  readonly code: ChainReadErrorCode;
  constructor(code: ChainReadErrorCode, options?: ErrorOptions) {
    super(code, options);
    this.name = "ChainReadError";
    this.code = code;
  }
}

export type ChainReadErrorCode =
  /** The node did not answer, or answered with an error. */
  | "NODE_FAILED"
  /** A block or receipt lacks a field that it must have. */
  | "FIELD_MISSING"
  /** The node does not know the block any more: a reorganisation, or another node behind the same address. */
  | "BLOCK_GONE"
  /** Receipts or logs are missing or from elsewhere: the page is truncated, or its logs do not give the header's bloom. */
  | "LOGS_INCOMPLETE";

/**
 * Reads a node so that a wrong page is noticed. Logs come by block hash, unfiltered (a server-side filter cannot be
 * checked), and must be exactly those under the header's bloom. A block whose bloom rules our contracts out costs no
 * call; the others one `eth_getBlockReceipts`.
 */
export function openBlockReader(provider: Pick<JsonRpcApiProvider, "send">): BlockReader {
  const call = async (method: string, ...params: unknown[]): Promise<unknown> => {
    try {
      return await provider.send(method, params);
    } catch (cause) {
      throw new ChainReadError("NODE_FAILED", { cause });
    }
  };
  const block = async (at: string): Promise<ChainBlock | undefined> => {
    const raw = await call("eth_getBlockByNumber", at, false);
    return raw === null || raw === undefined ? undefined : toBlock(raw);
  };
  return {
    chainId: async () => BigInt(String(await call("eth_chainId"))),
    head: async () => (await block("latest")) ?? fail("FIELD_MISSING"),
    finalizedNumber: async () => (await block("finalized"))?.number ?? -1,
    blockAt: async (number) => {
      const found = await block(`0x${number.toString(16)}`);
      if (found && found.number !== number) return fail("FIELD_MISSING");
      return found;
    },
    logsOf: async (of, addresses) => {
      if (!addresses.some((address) => mayContain(of.logsBloom, address))) return [];
      const receipts = await call("eth_getBlockReceipts", of.hash);
      if (receipts === null || receipts === undefined) return fail("BLOCK_GONE");
      const ours = new Set(addresses.map((address) => address.toLowerCase()));
      return checkedLogs(of, receipts).filter((log) => ours.has(log.address.toLowerCase()));
    },
  };
}

/**
 * All logs of a block out of its receipts.
 * @throws ChainReadError `LOGS_INCOMPLETE` unless there is one receipt per transaction, in order and of this block, none of
 * them removed, log indices run from 0 without a gap, and the logs' bloom is each receipt's and the header's
 */
export function checkedLogs(block: ChainBlock, receipts: unknown): RawLog[] {
  if (!Array.isArray(receipts) || receipts.length !== block.transactions.length)
    return fail("LOGS_INCOMPLETE");
  const logs: RawLog[] = [];
  for (const [at, receipt] of (receipts as Fields[]).entries()) {
    if (text(receipt, "transactionHash") !== block.transactions[at]) return fail("LOGS_INCOMPLETE");
    if (text(receipt, "blockHash") !== block.hash) return fail("LOGS_INCOMPLETE");
    const own = list(receipt, "logs").map((log) => toLog(log, block));
    if (bloomOf(own) !== text(receipt, "logsBloom")) return fail("LOGS_INCOMPLETE");
    logs.push(...own);
  }
  if (logs.some((log, index) => log.logIndex !== index)) return fail("LOGS_INCOMPLETE");
  if (bloomOf(logs) !== block.logsBloom) return fail("LOGS_INCOMPLETE");
  return logs;
}

type Fields = Readonly<Record<string, unknown>>;

function toBlock(raw: unknown): ChainBlock {
  const fields = raw as Fields;
  return {
    number: Number(text(fields, "number")),
    hash: text(fields, "hash"),
    parentHash: text(fields, "parentHash"),
    time: Number(text(fields, "timestamp")),
    logsBloom: text(fields, "logsBloom"),
    transactions: list(fields, "transactions").map((hash) => String(hash).toLowerCase()),
  };
}

function toLog(raw: Fields, block: ChainBlock): RawLog {
  if (raw["removed"] === true || text(raw, "blockHash") !== block.hash) return fail("LOGS_INCOMPLETE");
  return {
    address: text(raw, "address"),
    topics: list(raw, "topics").map(String),
    data: text(raw, "data"),
    transactionHash: text(raw, "transactionHash"),
    logIndex: Number(text(raw, "logIndex")),
  };
}

/** A hex field, in lower case so that equal ones compare equal. */
function text(fields: Fields, name: string): string {
  const value = fields?.[name];
  return typeof value === "string" && value.startsWith("0x") ? value.toLowerCase() : fail("FIELD_MISSING");
}

function list(fields: Fields, name: string): Fields[] {
  const value = fields?.[name];
  return Array.isArray(value) ? value : fail("FIELD_MISSING");
}

function fail(code: ChainReadErrorCode): never {
  throw new ChainReadError(code);
}
