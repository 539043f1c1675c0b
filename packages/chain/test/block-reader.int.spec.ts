import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { JsonRpcProvider, Wallet } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type Anvil,
  type BlockReader,
  type ContractAddresses,
  contractAt,
  deployContracts,
  openBlockReader,
  startAnvil,
} from "../src/index.ts";

let folder: string;
let anvil: Anvil;
let provider: JsonRpcProvider;
let addresses: ContractAddresses;
let blockWithLogs: number;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-reader-"));
  anvil = await startAnvil({ dataDir: folder });
  anvil.release();
  provider = new JsonRpcProvider(anvil.rpcUrl, anvil.chainId, { staticNetwork: true, cacheTimeout: -1 });
  provider.pollingInterval = 20;
  const admin = new Wallet(Wallet.createRandom().privateKey, provider);
  addresses = await deployContracts(admin);
  // One block with 200 receipts of both kinds: index 128 and more need two bytes in the trie's keys.
  await provider.send("evm_setAutomine", [false]);
  const identity = contractAt("IdentitySBT", addresses, admin);
  for (let each = 0; each < 200; each++) {
    const from = new Wallet(Wallet.createRandom().privateKey, provider);
    const did = `0x${each.toString(16).padStart(64, "0")}`;
    const data = identity.interface.encodeFunctionData("mint", [did]);
    const type =
      each % 3 === 0 ? { type: 0, gasPrice: 0n } : { type: 2, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
    const raw = await from.signTransaction({
      to: addresses.IdentitySBT,
      data,
      chainId: anvil.chainId,
      nonce: 0,
      gasLimit: 140_000,
      ...type,
    });
    await provider.send("eth_sendRawTransaction", [raw]);
  }
  await provider.send("evm_mine", []);
  await provider.send("evm_setAutomine", [true]);
  blockWithLogs = await provider.getBlockNumber();
}, 180_000);
afterAll(async () => {
  provider.destroy();
  await anvil.stop();
  await rm(folder, { recursive: true });
});

/** A reader whose node's answers are changed on their way. */
const readerThrough = (change: (method: string, answer: never) => unknown): BlockReader =>
  openBlockReader({
    send: async (method: string, params: unknown[]) =>
      change(method, (await provider.send(method, params as never[])) as never),
  });

it("finds the node's own header hashes and receipts roots over every block, legacy and typed receipts alike", async () => {
  const reader = openBlockReader(provider);
  let logs = 0;
  for (let number = 0; number <= blockWithLogs; number++) {
    const block = await reader.blockAt(number);
    if (block) logs += (await reader.logsOf(block, Object.values(addresses))).length;
  }
  const direct = await provider.getLogs({ fromBlock: 0, toBlock: "latest" });
  expect(logs).toBe(direct.length);
  expect((await provider.getBlock(blockWithLogs))?.transactions).toHaveLength(200);
});

it.each<[string, (receipt: { logs: Record<string, unknown>[] } & Record<string, unknown>) => object]>([
  [
    "a changed amount in a log's data",
    (receipt) => ({ ...receipt, logs: receipt.logs.map((log) => ({ ...log, data: `${log.data}00` })) }),
  ],
  ["a success that was none", (receipt) => ({ ...receipt, status: "0x0" })],
  ["a changed gas figure", (receipt) => ({ ...receipt, cumulativeGasUsed: "0x1" })],
])("notices %s, which no bloom filter shows", async (_name, tamper) => {
  const lying = readerThrough((method, answer) =>
    method === "eth_getBlockReceipts"
      ? (answer as never[]).map((each, at) => (at === 150 ? tamper(each) : each))
      : answer,
  );
  const block = await lying.blockAt(blockWithLogs);
  await expect(lying.logsOf(block!, Object.values(addresses))).rejects.toThrow("LOGS_INCOMPLETE");
});

it("notices a header whose bloom hides its logs", async () => {
  const lying = readerThrough((method, answer) =>
    method === "eth_getBlockByNumber"
      ? { ...(answer as object), logsBloom: `0x${"00".repeat(256)}` }
      : answer,
  );
  await expect(lying.blockAt(blockWithLogs)).rejects.toThrow("HEADER_FORGED");
});
