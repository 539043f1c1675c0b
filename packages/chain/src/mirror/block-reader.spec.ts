import { hexlify, keccak256, toUtf8Bytes } from "ethers";
import { describe, expect, it } from "vitest";
import { openBlockReader } from "./block-reader.ts";
import { checkedLogs } from "./block-receipts.ts";
import type { ChainBlock } from "./chain-block.ts";
import { bloomOf, mayContain } from "./logs-bloom.ts";

const ours = `0x${"11".repeat(20)}`;
const other = `0x${"22".repeat(20)}`;
const topic = `0x${"33".repeat(32)}`;
const blockHash = `0x${"ab".repeat(32)}`;
const transactions = [`0x${"01".repeat(32)}`, `0x${"02".repeat(32)}`];

const log = (logIndex: number, address: string, transactionHash: string) => ({
  address,
  topics: [topic],
  data: "0x",
  blockHash,
  transactionHash,
  logIndex: `0x${logIndex.toString(16)}`,
});
const receipt = (transactionHash: string, logs: ReturnType<typeof log>[]) => ({
  transactionHash,
  blockHash,
  logs,
  logsBloom: bloomOf(logs),
});
const goodReceipts = () => [
  receipt(transactions[0]!, [log(0, ours, transactions[0]!)]),
  receipt(transactions[1]!, [log(1, other, transactions[1]!), log(2, ours, transactions[1]!)]),
];
const block: ChainBlock = {
  number: 5,
  hash: blockHash,
  parentHash: `0x${"aa".repeat(32)}`,
  time: 1_000,
  logsBloom: bloomOf(goodReceipts().flatMap(({ logs }) => logs)),
  receiptsRoot: `0x${"ee".repeat(32)}`,
  transactions,
};
const bloom = { check: "bloom" } as const;

describe("bloom filter", () => {
  it("is go-ethereum's: the digest of its TestBloomExtensively over 100 entries", () => {
    const entries = Array.from({ length: 100 }, (_, i) =>
      hexlify(toUtf8Bytes(`xxxxxxxxxx data ${i} yyyyyyyyyyyyyy`)),
    );
    const bloom = bloomOf(entries.map((address) => ({ address, topics: [] })));
    expect(keccak256(bloom)).toBe("0xc8d3ca65cdb4874300a9e39475508f23ed6da09fdbc487f89a2dcf50b09eb263");
  });

  it("never rules out what it holds", () => {
    expect(mayContain(block.logsBloom, ours)).toBe(true);
    expect(mayContain(bloomOf([]), ours)).toBe(false);
  });
});

describe("logs of a block", () => {
  it("are all there, in order, and of our contracts only", async () => {
    const asked: string[] = [];
    const reader = openBlockReader(
      {
        send: async (method) => {
          asked.push(method);
          return goodReceipts();
        },
      },
      bloom,
    );
    const logs = await reader.logsOf(block, [ours]);
    expect(logs.map(({ logIndex }) => logIndex)).toEqual([0, 2]);
    expect(await reader.logsOf({ ...block, logsBloom: bloomOf([]) }, [ours])).toEqual([]);
    expect(asked).toEqual(["eth_getBlockReceipts"]); // the second block's bloom answered by itself
  });

  it.each<[string, (good: ReturnType<typeof goodReceipts>) => unknown, string]>([
    ["an empty page", () => [], "LOGS_INCOMPLETE"],
    ["a truncated page", (good) => good.slice(0, 1), "LOGS_INCOMPLETE"],
    ["no page", () => undefined, "LOGS_INCOMPLETE"],
    ["receipts out of order", (good) => good.reverse(), "LOGS_INCOMPLETE"],
    [
      "a log left out",
      ([first, second]) => [first, { ...second, logs: second!.logs.slice(0, 1) }],
      "LOGS_INCOMPLETE",
    ],
    [
      "a log left out and its receipt's bloom adjusted",
      ([first]) => [first, receipt(transactions[1]!, [])],
      "LOGS_INCOMPLETE",
    ],
    [
      "a log left out that leaves the bloom as it is",
      ([, second]) => [receipt(transactions[0]!, []), second],
      "LOGS_INCOMPLETE",
    ],
    [
      "a receipt of another block",
      ([first, second]) => [{ ...first, blockHash: `0x${"cd".repeat(32)}` }, second],
      "LOGS_INCOMPLETE",
    ],
    [
      "a log marked as removed",
      ([first, second]) => [{ ...first, logs: [{ ...first!.logs[0], removed: true }] }, second],
      "LOGS_INCOMPLETE",
    ],
    [
      "a log of another transaction",
      ([first, second]) => [
        { ...first, logs: [{ ...first!.logs[0], transactionHash: transactions[1] }] },
        second,
      ],
      "LOGS_INCOMPLETE",
    ],
    [
      "a receipt without bloom",
      ([first, second]) => [{ ...first, logsBloom: null }, second],
      "FIELD_MISSING",
    ],
    ["a log that is null", ([first, second]) => [{ ...first, logs: [null] }, second], "FIELD_MISSING"],
    [
      "a log whose index is no number",
      ([first, second]) => [{ ...first, logs: [{ ...first!.logs[0], logIndex: "0x" }] }, second],
      "FIELD_MISSING",
    ],
    [
      "a topic of 31 bytes",
      ([first, second]) => [
        { ...first, logs: [{ ...first!.logs[0], topics: [topic.slice(0, -2)] }] },
        second,
      ],
      "FIELD_MISSING",
    ],
  ])("%s is noticed", async (_name, tamper, code) => {
    expect(await checkedLogs(block, goodReceipts(), "bloom")).toHaveLength(3);
    await expect(checkedLogs(block, tamper(goodReceipts()), "bloom")).rejects.toThrow(code);
  });

  it("are asked for by transaction on a node without eth_getBlockReceipts, and checked all the same", async () => {
    const asked: string[] = [];
    let receipts: unknown[] = goodReceipts();
    const reader = openBlockReader(
      {
        send: async (method: string, params: unknown[]) => {
          asked.push(method);
          if (method === "eth_getBlockReceipts")
            throw Object.assign(new Error(), { error: { code: -32601 } });
          return receipts[transactions.indexOf(String(params[0]))];
        },
      },
      bloom,
    );
    expect(await reader.logsOf(block, [ours])).toHaveLength(2);
    expect(await reader.logsOf(block, [ours])).toHaveLength(2);
    const each = "eth_getTransactionReceipt";
    expect(asked).toEqual(["eth_getBlockReceipts", each, each, each, each]); // asked for the page only once
    receipts = [null, goodReceipts()[1]];
    await expect(reader.logsOf(block, [ours])).rejects.toThrow("BLOCK_GONE");
  });

  it("says when the node lost the block, when it fails, and when a header lacks a field", async () => {
    await expect(openBlockReader({ send: async () => null }).logsOf(block, [ours])).rejects.toThrow(
      "BLOCK_GONE",
    );
    const down = openBlockReader({ send: async () => Promise.reject(new Error("down")) });
    await expect(down.head()).rejects.toThrow("NODE_FAILED");
    const bare = openBlockReader({ send: async () => ({ number: "0x5", hash: blockHash }) });
    await expect(bare.blockAt(5)).rejects.toThrow("FIELD_MISSING");
    expect(await openBlockReader({ send: async () => null }).blockAt(9)).toBeUndefined();
    expect(await openBlockReader({ send: async () => null }).finalized()).toBeUndefined();
  });
});
