import { AbiCoder } from "ethers/abi";
import { keccak256 } from "ethers/crypto";
import { toUtf8Bytes } from "ethers/utils";
import { digestOfJson } from "../canonical-json.ts";
import { type AlgorithmId, asDigest, type Digest, type PermitId } from "../ids.ts";

/** Everything that a result claims to follow from, and the digest of what came out. */
export type ResultClaim = {
  permitId: PermitId;
  algorithmId: AlgorithmId;
  /** Digest of the plan, which is derived from program, parameters and manifests alone. */
  planDigest: Digest;
  /** `inputsRootOf` the manifests' commitments, in the permit's order. */
  inputsRoot: Digest;
  /** `jointContextDigest` of the datasets' context digests, in the same order. */
  contextDigest: Digest;
  /** SHA-256 of the result's bytes. */
  outputDigest: Digest;
};

const domain = keccak256(toUtf8Bytes("cos-result-commitment/1"));

/** The `bytes32` that settlement posts: keccak256 of the ABI-encoded claim under its own domain. */
export function resultCommitment(claim: ResultClaim): Digest {
  return asDigest(
    keccak256(
      AbiCoder.defaultAbiCoder().encode(
        ["bytes32", "bytes32", "bytes32", "bytes32", "bytes32", "bytes32", "bytes32"],
        [
          domain,
          claim.permitId,
          claim.algorithmId,
          claim.planDigest,
          claim.inputsRoot,
          claim.contextDigest,
          claim.outputDigest,
        ],
      ),
    ),
  );
}

/** Digest over the datasets' manifest commitments, in the permit's order. */
export const inputsRootOf = (manifestCommitments: readonly Digest[]): Digest =>
  digestOfJson({ format: "cos-inputs/1", manifests: manifestCommitments });

/** Digest over the datasets' context digests, in the permit's order. */
export const jointContextDigest = (contextDigests: readonly Digest[]): Digest =>
  digestOfJson({ format: "cos-joint-context/1", contexts: contextDigests });
