import type { Digest } from "@cos/protocol";
import { digestOfJson } from "@cos/protocol/canonical-json";
import type { Profile } from "./profile.ts";

/** A profile under one key. Names the key, holds none of it. One holder and one opening round today. */
export type Context = { readonly profile: Profile; readonly keyId: Digest; readonly digest: Digest };

/** Digest of parameters and key identity; every ciphertext container carries it. */
export function contextOf(profile: Profile, keyId: Digest): Context {
  const digest = digestOfJson({
    format: "cos-context/1",
    profile: profile.digest,
    keyId,
    holders: 1,
    openingRounds: 1,
  });
  return Object.freeze({ profile, keyId, digest });
}

/** What the chain knows as a dataset's context: all contexts under its key, in the profiles' order. */
export const datasetContextDigest = (contexts: readonly Context[]): Digest =>
  digestOfJson({ format: "cos-dataset-context/1", contexts: contexts.map((c) => c.digest) });
