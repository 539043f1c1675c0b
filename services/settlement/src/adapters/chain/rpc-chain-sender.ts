import {
  broadcast,
  type ContractAddresses,
  callOf,
  currentFees,
  nextNonce,
  signCall,
  simulate,
  viewIntent,
} from "@cos/chain";
import { asAddress, err, ok } from "@cos/protocol";
import type { Provider, Wallet } from "ethers";
import type { ChainSender } from "../../app/ports.ts";
import { encodeCall } from "./encode-call.ts";

/** The sender's view of a chain, for one key. */
export function rpcChainSender(
  provider: Provider,
  wallet: Wallet,
  chainId: bigint,
  addresses: ContractAddresses,
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
      const fees = await currentFees(provider);
      return signCall(wallet, { call: encodeCall(call, addresses), chainId, nonce, gasLimit, fees });
    },
    signAgain: (transaction, nonce, fees) => {
      const { gasLimit, ...call } = callOf(transaction);
      return signCall(wallet, { call, chainId, nonce, gasLimit, fees });
    },
    broadcast: async (transaction) => (await broadcast(provider, transaction)).ok,
    view: (intent, now) => viewIntent(provider, { signer, intent, now }),
  };
}
