import { type TypedDataDomain, type TypedDataField, verifyTypedData } from "ethers/hash";
import { type Address, asAddress, type Digest, type PermitId } from "../ids.ts";

/** What a worker signs when it has evaluated a task: "for this permit, this task's output has this digest". */
export type TaskAttestation = { permitId: PermitId; taskId: Digest; outputDigest: Digest };

export const taskAttestationTypes: Record<string, TypedDataField[]> = {
  TaskAttestation: [
    { name: "permitId", type: "bytes32" },
    { name: "taskId", type: "bytes32" },
    { name: "outputDigest", type: "bytes32" },
  ],
};

/** EIP-712 domain of worker attestations; the permit id already binds chain and contract. */
export const taskAttestationDomain = (chainId: bigint): TypedDataDomain => ({
  name: "COS worker",
  version: "1",
  chainId,
});

/** Anything that signs EIP-712 data; `ethers` wallets do. */
export type TypedDataSigner = {
  signTypedData(
    domain: TypedDataDomain,
    types: Record<string, TypedDataField[]>,
    value: Record<string, unknown>,
  ): Promise<string>;
};

export const signTaskAttestation = (
  signer: TypedDataSigner,
  chainId: bigint,
  attestation: TaskAttestation,
): Promise<string> =>
  signer.signTypedData(taskAttestationDomain(chainId), taskAttestationTypes, { ...attestation });

/** The address that signed, or undefined when the signature is not one. */
export function recoverTaskAttestation(
  chainId: bigint,
  attestation: TaskAttestation,
  signature: string,
): Address | undefined {
  try {
    const signer = verifyTypedData(
      taskAttestationDomain(chainId),
      taskAttestationTypes,
      { ...attestation },
      signature,
    );
    return asAddress(signer);
  } catch {
    return undefined;
  }
}
