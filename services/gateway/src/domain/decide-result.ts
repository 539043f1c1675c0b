import { type Address, err, ok, type Result } from "@cos/protocol";
import { type Refusal, refusal } from "./refusal.ts";

/** A permit as the mirror has it, with what its datasets and grants say now. */
export type PermitFacts = {
  readonly grantee: Address;
  readonly state: string;
  /** Empty before a result was posted. */
  readonly resultUri: string;
  /** `owner`: undefined while a transfer waits for the new owner's confirmation. */
  readonly datasets: readonly {
    readonly owner: Address | undefined;
    readonly resultMayReachGrantee: boolean;
  }[];
};

/** Which parts of a result its reader may download. */
export type ResultView = { readonly resultUri: string; readonly ciphertexts: boolean };

/**
 * Who may read what of a result.
 *
 * The bundle (digests and workers' signatures) goes to the grantee and to every owner: both audit with it. The
 * ciphertexts go to an owner of one of the datasets; to the grantee only if clause 7 of *every* grant of the permit lets
 * the result reach it, because a ciphertext in the wrong hands waits for the day when its key leaks.
 *
 * @errors `NOT_A_PARTY`, `RESULT_NOT_AVAILABLE`
 */
export function decideResultView(caller: Address, permit: PermitFacts): Result<ResultView, Refusal> {
  const isOwner = permit.datasets.some(({ owner }) => owner === caller);
  if (!isOwner && caller !== permit.grantee) return err(refusal("NOT_A_PARTY"));
  if (permit.resultUri === "" || permit.state === "refunded") {
    return err(refusal("RESULT_NOT_AVAILABLE", { state: permit.state }));
  }
  const ciphertexts = isOwner || permit.datasets.every((d) => d.resultMayReachGrantee);
  return ok({ resultUri: permit.resultUri, ciphertexts });
}
