import type { PermitId } from "@cos/protocol";
import { AbiCoder, keccak256 } from "ethers";

/** The lock that holds a challenge's bond on a permit. @source contracts/src/JobPermits.sol, `_bondKey` */
export const bondKeyOf = (permitId: PermitId): string =>
  keccak256(AbiCoder.defaultAbiCoder().encode(["string", "bytes32"], ["bond", permitId]));
