import { type TypedDataDomain, TypedDataEncoder, type TypedDataField } from "ethers/hash";
import { asDigest, type Digest } from "./ids.ts";
import type { TypedDataSigner } from "./result-commitment/task-attestation.ts";

/**
 * What a ticket's holder signs to redeem it: proof that whoever presents the ticket holds the key that it is bound to.
 * `audience` is the gateway's public URL, so that one gateway cannot pass the proof on to another.
 */
export type TicketRedemption = {
  readonly ticketId: Digest;
  readonly audience: string;
  /** Unix seconds; at most 60 s off the gateway's clock. */
  readonly issuedAt: number;
};

export const ticketRedemptionTypes: Record<string, TypedDataField[]> = {
  TicketRedemption: [
    { name: "ticketId", type: "bytes32" },
    { name: "audience", type: "string" },
    { name: "issuedAt", type: "uint64" },
  ],
};

/** EIP-712 domain of redemptions; the chain is the one whose contracts the gateway follows. */
export const ticketRedemptionDomain = (chainId: bigint): TypedDataDomain => ({
  name: "COS gateway",
  version: "1",
  chainId,
});

/** 65 bytes as `0x` hex. */
export const signTicketRedemption = (
  signer: TypedDataSigner,
  chainId: bigint,
  redemption: TicketRedemption,
): Promise<string> =>
  signer.signTypedData(ticketRedemptionDomain(chainId), ticketRedemptionTypes, { ...redemption });

/** The EIP-712 hash that the signature covers; a contract wallet is asked about it (EIP-1271). */
export const ticketRedemptionHash = (chainId: bigint, redemption: TicketRedemption): Digest =>
  asDigest(TypedDataEncoder.hash(ticketRedemptionDomain(chainId), ticketRedemptionTypes, { ...redemption }));
