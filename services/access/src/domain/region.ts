import { type Address, asAddress, asDigest, type Digest } from "@cos/protocol";
import { type ChainLog, toHex } from "./chain-log.ts";

/** The attested region of a gateway or worker; `expiry` is exclusive, Unix seconds. */
export type Region = { readonly subject: Address; readonly regionCode: Digest; readonly expiry: bigint };

/** Folds one log into a subject's attestation; a revoked one is gone. */
export function evolveRegion(state: Region | undefined, { fact }: ChainLog): Region | undefined {
  switch (fact.$case) {
    case "regionAttested":
      return {
        subject: asAddress(toHex(fact.value.subject)),
        regionCode: asDigest(toHex(fact.value.regionCode)),
        expiry: fact.value.expiry,
      };
    case "regionRevoked":
      return undefined;
    default:
      return state;
  }
}
