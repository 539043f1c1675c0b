import { err, ok, type Result } from "@cos/protocol";
import { isError, type Provider, Transaction, type TransactionRequest } from "ethers";
import { decodeRevert, type Revert } from "../decode-revert.ts";
import type { BroadcastRefusal, Fees, Intent, IntentView, MinedIn, SignedTransaction } from "./intent.ts";

/** Who signs operator transactions: a key in this process, or one that somebody else holds. */
export type TransactionSigner = {
  readonly address: string;
  signTransaction(request: TransactionRequest): Promise<string>;
};

/** A call to one of our contracts: `interfaceOf(name).encodeFunctionData(...)` makes `data`. */
export type ContractCall = { readonly to: string; readonly data: string };

/**
 * Asks the node what the call would do now.
 * @errors the contract's revert, by name and facts. A revert that is none of ours, and a node that fails, throw
 */
export async function simulate(
  provider: Provider,
  from: string,
  call: ContractCall,
): Promise<Result<{ readonly gasLimit: bigint }, Revert & { readonly code: "REVERTED" }>> {
  try {
    const gas = await provider.estimateGas({ ...call, from });
    return ok({ gasLimit: gas + gas / 4n });
  } catch (error) {
    const revert = decodeRevert(error);
    if (revert) return err({ code: "REVERTED", ...revert });
    throw error;
  }
}

/** What the node would ask for now; zero on a chain without a base fee. */
export async function currentFees(provider: Provider): Promise<Fees> {
  const block = await provider.getBlock("latest");
  if (!block?.baseFeePerGas) return { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
  const { maxPriorityFeePerGas } = await provider.getFeeData();
  const tip = maxPriorityFeePerGas ?? 0n;
  return { maxFeePerGas: 2n * block.baseFeePerGas + tip, maxPriorityFeePerGas: tip };
}

/** Signs a call under a nonce. Nothing is sent: store the result first. */
export async function signCall(
  wallet: TransactionSigner,
  options: {
    readonly call: ContractCall;
    readonly chainId: number | bigint;
    readonly nonce: number;
    readonly gasLimit: bigint;
    readonly fees: Fees;
  },
): Promise<Omit<SignedTransaction, "sentAt">> {
  const { call, chainId, nonce, gasLimit, fees } = options;
  const raw = await wallet.signTransaction({
    ...call,
    ...fees,
    type: 2,
    value: 0n,
    chainId,
    nonce,
    gasLimit,
  });
  const { hash } = Transaction.from(raw);
  if (!hash) throw new TypeError("a signed transaction has a hash");
  return { hash, raw, fees };
}

/** What a signed transaction calls and allows, out of its bytes: for signing it again with other fees. */
export function callOf(transaction: SignedTransaction): ContractCall & { readonly gasLimit: bigint } {
  const { to, data, gasLimit } = Transaction.from(transaction.raw);
  if (to === null) throw new TypeError("a call has an address");
  return { to, data, gasLimit };
}

/** Signs what takes a nonce and does nothing: zero coin from the key to itself. */
export const signCancellation = async (
  wallet: TransactionSigner,
  options: { readonly chainId: number | bigint; readonly nonce: number; readonly fees: Fees },
): Promise<Omit<SignedTransaction, "sentAt">> => ({
  ...(await signCall(wallet, { ...options, call: { to: wallet.address, data: "0x" }, gasLimit: 21_000n })),
  cancels: true,
});

/**
 * Hands signed bytes to the node. Bytes that the node already has, or has mined, count as taken: look at the receipt.
 * @errors `BROADCAST_REFUSED` with the reason when the node says that it will not take them now
 * @throws what kept the node from answering: it may have taken them
 */
export async function broadcast(
  provider: Provider,
  transaction: SignedTransaction,
): Promise<Result<void, { readonly code: "BROADCAST_REFUSED"; readonly reason: BroadcastRefusal }>> {
  try {
    await provider.broadcastTransaction(transaction.raw);
    return ok(undefined);
  } catch (error) {
    const said = nodesWords(error);
    if (said === undefined) throw error;
    if (/already known|already imported|already exists|known transaction|nonce too low/.test(said))
      return ok(undefined);
    return err({ code: "BROADCAST_REFUSED", reason: reasonOf(said) });
  }
}

/** What the node itself answered, in lower case; undefined when there was no answer. */
function nodesWords(error: unknown): string | undefined {
  if (isError(error, "NONCE_EXPIRED")) return "nonce too low";
  if (isError(error, "REPLACEMENT_UNDERPRICED")) return "underpriced";
  if (isError(error, "INSUFFICIENT_FUNDS")) return "insufficient funds";
  const { error: inner, info } = error as {
    error?: { message?: unknown };
    info?: { error?: { message?: unknown } };
  };
  const message = inner?.message ?? info?.error?.message;
  return typeof message === "string" ? message.toLowerCase() : undefined;
}

function reasonOf(said: string): BroadcastRefusal {
  if (/underpriced|fee too low|less than block base fee|tip .*too low/.test(said)) return "UNDERPRICED";
  return /insufficient funds/.test(said) ? "INSUFFICIENT_FUNDS" : "OTHER";
}

/** One look at an intent: which of its transactions is in the node's present chain, and how deep. */
export async function viewIntent(
  provider: Provider,
  options: {
    readonly signer: string;
    readonly intent: Intent;
    readonly now: number;
  },
): Promise<IntentView> {
  const { signer, intent, now } = options;
  const [headNumber, finalized, receipts] = await Promise.all([
    provider.getBlockNumber(),
    provider.getBlock("finalized"),
    Promise.all(intent.transactions.map(({ hash }) => provider.getTransactionReceipt(hash))),
  ]);
  const found = receipts.find((one) => one !== null);
  const finalizedNumber = finalized?.number ?? -1;
  // A receipt below finality from a node that is not on the final chain would end the intent for ever: ask once more.
  const isStray =
    found && found.blockNumber <= finalizedNumber
      ? (await provider.getBlock(found.blockNumber))?.hash !== found.blockHash
      : false;
  const receipt = isStray ? undefined : found;
  const mined: MinedIn | undefined = receipt && {
    transactionHash: receipt.hash,
    blockNumber: receipt.blockNumber,
    blockHash: receipt.blockHash,
    succeeded: receipt.status === 1,
  };
  const finalNonce = finalized ? await provider.getTransactionCount(signer, finalized.number) : 0;
  return { now, headNumber, finalizedNumber, finalNonce, mined };
}

/**
 * A nonce for the signer: after every one in the store and every one that the node has seen. The store's
 * `unique(signer, nonce)` refuses it if another leader took it meanwhile; then ask again.
 * @param lastStored highest nonce in the store for this signer; -1 when there is none
 */
export async function nextNonce(provider: Provider, signer: string, lastStored: number): Promise<number> {
  return Math.max(lastStored + 1, await provider.getTransactionCount(signer, "pending"));
}
