import type { Digest } from "@cos/protocol";
import type { VersionObjects } from "./manifest-objects.ts";

/** A registered version that names objects. `rank`: its place among all versions on the chain. */
export type Claim = {
  readonly rank: number;
  /** The identity token that registered the dataset. */
  readonly registrant: string | undefined;
  readonly objects: VersionObjects;
};

/**
 * Whose a block is where nobody remembers who uploaded it: theirs who first named it on the chain. A stranger learns of a
 * block by a manifest that is registered, so he comes later.
 */
export function firstClaimants(claims: readonly Claim[]): Map<Digest, string> {
  const first = new Map<Digest, string>();
  for (const { registrant, objects } of claims.toSorted((a, b) => a.rank - b.rank)) {
    if (registrant === undefined) continue;
    for (const { digest } of objects.blocks) if (!first.has(digest)) first.set(digest, registrant);
  }
  return first;
}
