import type { Address, Digest } from "@cos/protocol";

/** What one finished replica of a task produced. */
export type ReplicaOutput = { readonly worker: Address; readonly digest: Digest };

export type ReplicaVerdict =
  | { readonly verdict: "PENDING" }
  /** `digest` stands; `dissenters` produced something else and were outvoted. */
  | { readonly verdict: "AGREED"; readonly digest: Digest; readonly dissenters: readonly Address[] }
  /** Replicas differ: one more, by a worker that has not done this task yet. */
  | { readonly verdict: "TIE_BREAK" }
  /** No strict majority even with the tie-breaker. */
  | { readonly verdict: "MISMATCH"; readonly digests: readonly Digest[] };

/**
 * Whether a task's replicas settle on one output.
 *
 * Evaluation is deterministic, so honest workers agree byte for byte: the wanted number of replicas must be equal.
 * Where they are not, one more worker evaluates the task and a strict majority of all outputs stands.
 *
 * @param outputs finished replicas
 * @param wanted  replicas that the permit asks for, at least 1
 */
export function decideReplicas(outputs: readonly ReplicaOutput[], wanted: number): ReplicaVerdict {
  if (outputs.length < wanted) return { verdict: "PENDING" };
  const votes = new Map<Digest, number>();
  for (const { digest } of outputs) votes.set(digest, (votes.get(digest) ?? 0) + 1);
  const [digest, most] = [...votes].reduce((best, next) => (next[1] > best[1] ? next : best));
  const unanimous = most === outputs.length;
  if (unanimous || (outputs.length > wanted && most * 2 > outputs.length)) {
    const dissenters = outputs.filter((output) => output.digest !== digest).map((output) => output.worker);
    return { verdict: "AGREED", digest, dissenters };
  }
  if (outputs.length === wanted) return { verdict: "TIE_BREAK" };
  return { verdict: "MISMATCH", digests: [...votes.keys()].sort() };
}
