import { expect, it } from "vitest";
import { countsProfile, generateDatasetKey } from "../src/index.ts";
import type { OwnerJob, OwnerThreadData } from "../src/owner-pool.ts";
import { packagesLoadedBy } from "./packages-loaded-by.ts";

it("loads no more than SEAL and what digests JSON", async () => {
  const { keyId, secrets } = await generateDatasetKey([countsProfile]);
  const data: OwnerThreadData = { keyId, secrets };
  const job: OwnerJob = {
    kind: "encrypt",
    profile: countsProfile.name,
    label: { array: "a", segment: "s1", variantBlock: null, rowBlock: 0 },
    ciphertextsPerRow: 1,
    coefficientsPerCiphertext: 1,
    coefficients: Uint32Array.of(1),
    streamIndexes: Uint32Array.of(0),
  };
  const script = new URL("../src/owner-thread.ts", import.meta.url);
  expect(await packagesLoadedBy(script, data, job)).toEqual(["@noble/hashes", "canonicalize", "node-seal"]);
});
