import {
  broadcast,
  type ContractAddresses,
  callOf,
  capFees,
  currentFees,
  higherFees,
  nextNonce,
  signCall,
  signCancellation,
  simulate,
  type TransactionSigner,
  viewIntent,
} from "@cos/chain";
import { asAddress, err, ok } from "@cos/protocol";
import type { Provider } from "ethers";
import type { ChainSender } from "../../app/ports.ts";
import { encodeCall } from "./encode-call.ts";

/** The sender's view of a chain, for one key. */
export function rpcChainSender(
  provider: Provider,
  wallet: TransactionSigner,
  chainId: bigint,
  addresses: ContractAddresses,
  maxFeePerGasCap: bigint,
): ChainSender {
  const signer = asAddress(wallet.address);
  return {
    signer,
    simulate: async (call) => {
      const allowed = await simulate(provider, signer, encodeCall(call, addresses));
      if (allowed.ok) return ok(allowed.value);
      const { name, facts } = allowed.error;
      return err({ name, facts });
    },
    nextNonce: (lastStored) => nextNonce(provider, signer, lastStored),
    sign: async (call, nonce, gasLimit) => {
      const fees = capFees(await currentFees(provider), maxFeePerGasCap);
      return signCall(wallet, { call: encodeCall(call, addresses), chainId, nonce, gasLimit, fees });
    },
    signAgain: (transaction, nonce, fees) => {
      if (transaction.cancels) return signCancellation(wallet, { chainId, nonce, fees });
      const { gasLimit, ...call } = callOf(transaction);
      return signCall(wallet, { call, chainId, nonce, gasLimit, fees });
    },
    signCancellation: (nonce, fees) => signCancellation(wallet, { chainId, nonce, fees }),
    offer: async (atLeast) => capFees(higherFees(atLeast, await currentFees(provider)), maxFeePerGasCap),
    broadcast: (transaction) => broadcast(provider, transaction),
    view: (intent, now) => viewIntent(provider, { signer, intent, now }),
  };
}
