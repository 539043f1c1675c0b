import { asDigest, type Digest } from "@cos/protocol";
import { expect, it } from "vitest";
import { firstClaimants } from "./first-claimants.ts";

const digest = (n: number): Digest => asDigest(`0x${n.toString(16).padStart(2, "0").repeat(32)}`);
const objects = (...blocks: number[]) => ({
  manifest: { digest: digest(90), sizeBytes: 1 },
  axis: { digest: digest(91), sizeBytes: 1 },
  blocks: blocks.map((n) => ({ digest: digest(n), sizeBytes: 1 })),
});

it("gives a block to who named it first on the chain, whatever the order of reading", () => {
  const claims = [
    { rank: 7, registrant: "stranger", objects: objects(1, 2, 3) },
    { rank: 4, registrant: "owner", objects: objects(1, 2) },
    { rank: 2, registrant: undefined, objects: objects(1) },
  ];
  const wanted = [
    [digest(1), "owner"],
    [digest(2), "owner"],
    [digest(3), "stranger"],
  ];
  expect([...firstClaimants(claims)].sort()).toEqual(wanted);
  expect([...firstClaimants(claims.toReversed())].sort()).toEqual(wanted);
});
