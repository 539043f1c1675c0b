import { asAddress, asDigest } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { type ChainFact, foldDataset, identityHolder, standingVersions } from "./chain-facts.ts";

const alice = asAddress(`0x${"0a".repeat(20)}`);
const bob = asAddress(`0x${"0b".repeat(20)}`);
const logs = (...facts: ChainFact[]) => facts.map((fact) => ({ depth: "confirmed" as const, fact }));
const version = (n: number, reason: string): ChainFact => ({
  type: "DatasetVersioned",
  datasetId: "1",
  version: n,
  manifestCommitment: asDigest(`0x${"00".repeat(31)}0${n}`),
  manifestUri: "",
  reason,
});

describe("identityHolder", () => {
  const minted: ChainFact = { type: "IdentityMinted", sbtId: "1", holder: alice };
  const moved: ChainFact = { type: "IdentityRecovered", sbtId: "1", holder: bob };
  const burned: ChainFact = { type: "IdentityBurned", sbtId: "1" };
  it.each([
    [[], undefined],
    [[minted], alice],
    [[minted, moved], bob],
    [[minted, moved, burned], undefined],
    [[minted, burned], undefined],
  ])("%#", (facts, holder) => expect(identityHolder(logs(...facts))).toBe(holder));
});

describe("standingVersions", () => {
  const standing = (...facts: ChainFact[]) =>
    standingVersions(foldDataset("1", logs(...facts))).map((v) => v.version);
  it("all, until a withdrawal or a changed consent bars those before it", () => {
    expect(standing(version(1, "initial"), version(2, "append"))).toEqual([1, 2]);
    expect(standing(version(1, "initial"), version(2, "withdraw"), version(3, "append"))).toEqual([2, 3]);
    expect(standing(version(1, "initial"), version(2, "withdraw"), version(3, "consent"))).toEqual([3]);
  });
  it("none of a withdrawn dataset", () => {
    const gone: ChainFact = { type: "DatasetStatusChanged", datasetId: "1", status: "withdrawn" };
    expect(standing(version(1, "initial"), gone)).toEqual([]);
  });
});

describe("foldDataset", () => {
  it("remembers every identity that held the key", () => {
    const dataset = foldDataset(
      "1",
      logs(
        { type: "DatasetRegistered", datasetId: "1", owner: alice, sbtId: "5" },
        { type: "DatasetTransferred", datasetId: "1", owner: bob },
        { type: "DatasetOwnershipConfirmed", datasetId: "1", owner: bob, sbtId: "6" },
      ),
    );
    expect([...dataset.keepers]).toEqual(["5", "6"]);
  });
});
