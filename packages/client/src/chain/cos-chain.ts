import { setTimeout as delay } from "node:timers/promises";
import * as abi from "@cos/chain";
import {
  Contract,
  type InterfaceAbi,
  JsonRpcProvider,
  type LogDescription,
  type TransactionReceipt,
} from "ethers";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { type ContractName, contractAddress, type Platform } from "../platform-file.ts";
import { explainRevert } from "./explain-revert.ts";

const abis: Record<ContractName, InterfaceAbi> = {
  Authority: abi.authorityAbi,
  IdentitySBT: abi.identitySbtAbi,
  DatasetRegistry: abi.datasetRegistryAbi,
  AccessACL: abi.accessAclAbi,
  UsageLog: abi.usageLogAbi,
  AlgorithmRegistry: abi.algorithmRegistryAbi,
  JobPermits: abi.jobPermitsAbi,
  Settlement: abi.settlementAbi,
  RegionOracle: abi.regionOracleAbi,
};
const erc20: InterfaceAbi = abi.creditTokenAbi;

/** A struct as ethers decodes it: fields by name. The ABI, not the compiler, knows their types. */
// biome-ignore lint/suspicious/noExplicitAny: ethers types decoded values so
export type AbiStruct = any;

export type Sent = {
  readonly hash: string;
  readonly blockNumber: number;
  readonly gasUsed: bigint;
  /** The contract's own events of this transaction, in order. */
  readonly events: readonly LogDescription[];
};

export type SendOptions = { readonly timeoutMs?: number };

/** The chain as a person uses it: reads by anyone, transactions by that person's own key. */
export class CosChain {
  readonly platform: Platform;
  readonly provider: JsonRpcProvider;
  readonly #untilSeen: (blockNumber: number) => Promise<void>;

  /** @param untilSeen waits until services know a block, so that the next call finds what this one did */
  constructor(platform: Platform, untilSeen: (blockNumber: number) => Promise<void> = async () => {}) {
    this.platform = platform;
    this.#untilSeen = untilSeen;
    this.provider = new JsonRpcProvider(platform.chain.rpcUrl, platform.chain.chainId, {
      staticNetwork: true,
      polling: true,
      pollingInterval: 100,
      cacheTimeout: -1,
    });
  }

  close(): void {
    this.provider.destroy();
  }

  /** Calls a view. Struct results are ethers results: by name and by position. */
  async read<T = AbiStruct>(
    contract: ContractName,
    method: string,
    args: readonly unknown[] = [],
  ): Promise<T> {
    return this.#read(contractAddress(this.platform, contract), abis[contract], method, args) as Promise<T>;
  }

  async readToken<T = AbiStruct>(token: string, method: string, args: readonly unknown[] = []): Promise<T> {
    return this.#read(token, erc20, method, args) as Promise<T>;
  }

  /** Sends a transaction by the account's own key and waits for its receipt. Custom errors name their clause. */
  send(
    account: Account,
    contract: ContractName,
    method: string,
    args: readonly unknown[],
    options: SendOptions = {},
  ): Promise<Sent> {
    return this.#send(
      account,
      contractAddress(this.platform, contract),
      abis[contract],
      method,
      args,
      options,
    );
  }

  sendToken(account: Account, token: string, method: string, args: readonly unknown[]): Promise<Sent> {
    return this.#send(account, token, erc20, method, args, {});
  }

  /** Unix seconds of the head. */
  async now(): Promise<number> {
    try {
      const block = await this.provider.getBlock("latest");
      if (block === null) throw new CosFailure("unavailable", "CHAIN_UNREACHABLE", "the chain has no block");
      return block.timestamp;
    } catch (cause) {
      if (cause instanceof CosFailure) throw cause;
      throw explainRevert(cause);
    }
  }

  /** Logs of a contract's event with these indexed arguments, oldest first. For single facts; services mirror the rest. */
  async findEvents(
    contract: ContractName,
    event: string,
    indexed: readonly unknown[],
  ): Promise<readonly { args: AbiStruct; transaction: string; blockNumber: number }[]> {
    const target = new Contract(contractAddress(this.platform, contract), abis[contract], this.provider);
    const filter = target.filters[event];
    if (filter === undefined) throw new TypeError(`${contract} has no event ${event}`);
    try {
      const logs = await target.queryFilter(filter(...indexed), 0, "latest");
      return logs.flatMap((log) =>
        "args" in log
          ? [{ args: log.args, transaction: log.transactionHash, blockNumber: log.blockNumber }]
          : [],
      );
    } catch (cause) {
      throw explainRevert(cause);
    }
  }

  addressOf = (contract: ContractName): string => contractAddress(this.platform, contract);

  async #read(
    address: string,
    abi: InterfaceAbi,
    method: string,
    args: readonly unknown[],
  ): Promise<unknown> {
    const view = new Contract(address, abi, this.provider).getFunction(method);
    try {
      return await view.staticCall(...args);
    } catch (cause) {
      throw explainRevert(cause);
    }
  }

  async #send(
    account: Account,
    address: string,
    abi: InterfaceAbi,
    method: string,
    args: readonly unknown[],
    { timeoutMs = 120_000 }: SendOptions,
  ): Promise<Sent> {
    const signer = account.wallet.connect(this.provider);
    const target = new Contract(address, abi, signer);
    let hash: string;
    try {
      const price = await this.#gasPrice();
      const call = target.getFunction(method);
      const gas = await call.estimateGas(...args, price);
      const response = await call.send(...args, { ...price, gasLimit: (gas * 6n) / 5n + 20_000n });
      hash = response.hash;
    } catch (cause) {
      throw explainRevert(cause);
    }
    const receipt = await this.#receipt(hash, timeoutMs);
    if (receipt.status !== 1) await this.#explainMined(target, method, args, receipt);
    await this.#untilSeen(receipt.blockNumber);
    const events = receipt.logs
      .filter((log) => log.address.toLowerCase() === address.toLowerCase())
      .map((log) => target.interface.parseLog(log))
      .filter((log) => log !== null);
    return { hash, blockNumber: receipt.blockNumber, gasUsed: receipt.gasUsed, events };
  }

  /** A chain whose blocks cost nothing takes transactions that pay nothing: nobody needs to buy a token. */
  async #gasPrice(): Promise<{ type: 0; gasPrice: bigint }> {
    const block = await this.provider.getBlock("latest");
    if (block?.baseFeePerGas === 0n) return { type: 0, gasPrice: 0n };
    const { gasPrice } = await this.provider.getFeeData();
    return { type: 0, gasPrice: gasPrice === null ? 0n : (gasPrice * 5n) / 4n };
  }

  async #receipt(hash: string, timeoutMs: number): Promise<TransactionReceipt> {
    const until = Date.now() + timeoutMs;
    for (let waitMs = 10; ; waitMs = Math.min(waitMs * 2, 500)) {
      const receipt = await this.provider.getTransactionReceipt(hash).catch(() => null);
      if (receipt !== null) return receipt;
      if (Date.now() > until) {
        throw new CosFailure("unavailable", "TRANSACTION_PENDING", "the transaction is not mined yet", {
          facts: { transaction: hash },
          hint: "it may still be mined; look before you send it again",
        });
      }
      await delay(waitMs);
    }
  }

  async #explainMined(
    target: Contract,
    method: string,
    args: readonly unknown[],
    { blockNumber }: TransactionReceipt,
  ): Promise<never> {
    try {
      await target.getFunction(method).staticCall(...args, { blockTag: blockNumber });
    } catch (cause) {
      throw explainRevert(cause);
    }
    throw new CosFailure("refused", "REVERTED", "the contract refused the transaction");
  }
}

/** The arguments of the first event of a name; a transaction that lacks it is not what we think it is. */
export function eventOf(sent: Sent, name: string): AbiStruct {
  const event = sent.events.find((each) => each.name === name);
  if (event === undefined) throw new Error(`transaction ${sent.hash} logged no ${name}`);
  return event.args;
}
