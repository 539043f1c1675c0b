import { type Address, asAddress, asDigest, type Digest } from "@cos/protocol";
import { type ChainLog, toHex } from "./chain-log.ts";

export type AlgorithmState = "proposed" | "approved" | "deprecated" | "revoked";

/** A program's registration. The fee per permit is in `feeToken`'s smallest unit. */
export type Algorithm = {
  readonly algorithmId: Digest;
  readonly author: Address;
  readonly fee: bigint;
  readonly feeToken: Address;
  readonly uri: string;
  readonly state: AlgorithmState;
};

/** Folds one log into a program; a removed proposal is gone, and may be made anew. */
export function evolveAlgorithm(state: Algorithm | undefined, { fact }: ChainLog): Algorithm | undefined {
  switch (fact.$case) {
    case "algorithmRegistered":
      return {
        algorithmId: asDigest(toHex(fact.value.algorithmId)),
        author: asAddress(toHex(fact.value.author)),
        fee: BigInt(fact.value.fee),
        feeToken: asAddress(toHex(fact.value.feeToken)),
        uri: fact.value.uri,
        state: "proposed",
      };
    case "algorithmStateChanged":
      if (fact.value.state === "removed") return undefined;
      return state && { ...state, state: fact.value.state as AlgorithmState };
    case "algorithmFeeChanged":
      return (
        state && {
          ...state,
          fee: BigInt(fact.value.fee),
          feeToken: asAddress(toHex(fact.value.feeToken)),
        }
      );
    default:
      return state;
  }
}
