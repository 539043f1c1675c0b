import { type TypedDataDomain, TypedDataEncoder, type TypedDataField } from "ethers/hash";
import { asDigest, type Digest } from "./ids.ts";
import type { TypedDataSigner } from "./result-commitment/task-attestation.ts";

/**
 * What a key signs to be bound to an account at an institution's identity provider: whoever signs in there may then open
 * sessions for this key. The nonce is the ID token's, so that a signature binds once; `audience` is the gateway's URL.
 */
export type OidcBinding = {
  readonly issuer: string;
  readonly subject: string;
  readonly nonce: string;
  readonly audience: string;
};

const types: Record<string, TypedDataField[]> = {
  OidcBinding: [
    { name: "issuer", type: "string" },
    { name: "subject", type: "string" },
    { name: "nonce", type: "string" },
    { name: "audience", type: "string" },
  ],
};

const domain = (chainId: bigint): TypedDataDomain => ({ name: "COS gateway", version: "1", chainId });

/** 65 bytes as `0x` hex. */
export const signOidcBinding = (
  signer: TypedDataSigner,
  chainId: bigint,
  binding: OidcBinding,
): Promise<string> => signer.signTypedData(domain(chainId), types, { ...binding });

/** The EIP-712 hash that the signature covers; a contract wallet is asked about it (EIP-1271). */
export const oidcBindingHash = (chainId: bigint, binding: OidcBinding): Digest =>
  asDigest(TypedDataEncoder.hash(domain(chainId), types, { ...binding }));
