import { ChainEvent } from "@cos/proto/chain";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ChainFact, ChainLog } from "./chain-log.ts";
import { type Grant, withoutReservation } from "./grant.ts";
import { fold } from "./read-models.ts";
import { subjectsOf } from "./subjects-of.ts";

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const owner = bytes(20, 1);
const heir = bytes(20, 2);
const researcher = bytes(20, 3);
const permitId = bytes(32, 9);

/** A fact of one case, every field that is not given at its wire default. */
function fact<C extends ChainFact["$case"]>(
  $case: C,
  value: Partial<Extract<ChainFact, { $case: C }>["value"]>,
): ChainFact {
  return ChainEvent.fromPartial({ event: { $case, value } } as object).event as ChainFact;
}

let height = 0;
const log = (what: ChainFact, blockTime = 1_000): ChainLog => ({
  blockNumber: ++height,
  blockHash: `0x${"00".repeat(32)}`,
  blockTime,
  transactionHash: `0x${"cc".repeat(32)}`,
  logIndex: 0,
  contract: "",
  fact: what,
});

const registered = fact("datasetRegistered", {
  datasetId: "5",
  owner,
  sbtId: "1",
  manifestCommitment: bytes(32, 7),
  contextDigest: bytes(32, 8),
  regionCode: bytes(32, 0),
});
const versioned = (version: number, reason: string) =>
  fact("datasetVersioned", { datasetId: "5", version, reason, manifestCommitment: bytes(32, version) });

describe("datasets", () => {
  it("keeps every version; withdrawal and consent bar the earlier ones, appending does not", () => {
    const logs = [registered, versioned(1, "initial"), versioned(2, "append")].map((each) => log(each));
    expect(fold("dataset", undefined, logs)).toMatchObject({ barrierVersion: 0, status: "active" });
    const withdrawn = fold("dataset", undefined, [...logs, log(versioned(3, "withdraw"))]);
    expect(withdrawn).toMatchObject({ barrierVersion: 3 });
    expect(withdrawn?.versions.map(({ version }) => version)).toEqual([1, 2, 3]);
  });

  it("suspends on a transfer until the new owner confirms with its own identity", () => {
    const moved = fold("dataset", undefined, [
      log(registered),
      log(fact("datasetTransferred", { datasetId: "5", owner: heir })),
    ]);
    expect(moved).toMatchObject({ owner: `0x${"02".repeat(20)}`, sbtId: "1", transferPending: true });
    const confirmed = fact("datasetOwnershipConfirmed", { datasetId: "5", owner: heir, sbtId: "2" });
    expect(fold("dataset", moved, [log(confirmed)])).toMatchObject({ sbtId: "2", transferPending: false });
  });
});

const asked = fact("accessRequested", {
  requestId: "4",
  datasetId: "5",
  grantee: researcher,
  sbtId: "3",
  opMask: 9,
  purposeHash: bytes(32, 6),
  termsHash: bytes(32, 5),
});
const given = fact("accessGranted", {
  grantId: "4",
  datasetId: "5",
  requestId: "4",
  grantee: researcher,
  sbtId: "3",
  opMask: 8,
  purposeHash: bytes(32, 6),
  termsHash: bytes(32, 5),
  regionCode: bytes(32, 0),
  notBefore: 1_000n,
  expiry: 9_000n,
  maxRuns: 3n,
  rateMax: 2,
  rateWindowSeconds: 100,
  feePerUse: "0",
  workFee: "0",
  feeToken: bytes(20, 0),
  owner,
  documentHash: bytes(32, 0),
});
const reserved = (permit: Uint8Array, epsilonMicro: bigint) =>
  fact("runReserved", {
    grantId: "4",
    permitId: permit,
    holder: bytes(20, 4),
    epsilonMicro,
    exactReleases: 1,
  });

describe("grants", () => {
  const base = fold("grant", undefined, [log(asked), log(given)]) as Grant;

  it("move a reservation to use, or give it back, once", () => {
    const other = bytes(32, 10);
    const two = [log(reserved(permitId, 10n)), log(reserved(other, 5n))];
    const held = fold("grant", base, two);
    expect(held?.spent).toMatchObject({
      runsReserved: 2,
      epsilonReserved: 15n,
      releasesReserved: 2,
      runsUsed: 0,
    });

    const used = log(fact("runUsed", { grantId: "4", permitId }));
    const returned = log(fact("runReturned", { grantId: "4", permitId: other }));
    const after = fold("grant", held, [used, returned]);
    expect(after?.spent).toMatchObject({
      runsReserved: 0,
      runsUsed: 1,
      epsilonReserved: 0n,
      epsilonUsed: 10n,
      releasesReserved: 0,
      releasesUsed: 1,
    });
    expect(fold("grant", after, [returned])).toEqual(after); // nothing is given back twice
  });

  it("count the rate within its window: a refund does not give a slot back, the next window does", () => {
    // Windows of 100 s from 1000: 1250 lies in window 2, 1300 in window 3.
    const first = fold("grant", base, [log(reserved(permitId, 0n), 1_250)]);
    expect(first?.spent).toMatchObject({ rateIndex: 2n, rateCount: 1 });
    const refunded = fold("grant", first, [
      log(fact("runReturned", { grantId: "4", permitId }), 1_260),
      log(reserved(permitId, 0n), 1_299),
    ]);
    expect(refunded?.spent).toMatchObject({ rateIndex: 2n, rateCount: 2 });
    expect(fold("grant", refunded, [log(reserved(bytes(32, 11), 0n), 1_300)])?.spent).toMatchObject({
      rateIndex: 3n,
      rateCount: 1,
    });
  });

  it("leave out one permit's own reservation on request", () => {
    const held = fold("grant", base, [log(reserved(permitId, 10n))]) as Grant;
    const charge = held.reservations[`0x${"09".repeat(32)}`];
    expect(charge && withoutReservation(held.spent, charge)).toMatchObject({
      runsReserved: 0,
      epsilonReserved: 0n,
      rateCount: 0,
    });
  });

  it("end declined or revoked, and keep the narrower mask that was granted", () => {
    expect(base).toMatchObject({ state: "granted", opMask: 8 });
    expect(fold("grant", base, [log(fact("accessRevoked", { grantId: "4" }))])?.state).toBe("revoked");
    const declined = fold("grant", undefined, [log(asked), log(fact("accessDeclined", { requestId: "4" }))]);
    expect(declined?.state).toBe("declined");
  });
});

describe("permits", () => {
  const issued = fact("jobPermitIssued", {
    permitId,
    grantee: researcher,
    datasets: [
      { grantId: "4", datasetId: "5", version: 1, manifestCommitment: bytes(32, 7), dataShare: "0" },
      { grantId: "6", datasetId: "8", version: 2, manifestCommitment: bytes(32, 7), dataShare: "0" },
    ],
  });
  const posted = fact("jobResultPosted", { permitId, resultCommitment: bytes(32, 2), challengeEnds: 50n });
  const accepted = fact("jobAccepted", { permitId, releaseBy: 99n });
  const release = (datasetId: string, complete: boolean) =>
    fact("jobReleased", { permitId, datasetId, complete });

  it("follow the table and remember the block of the last state", () => {
    const logs = [issued, posted, accepted, release("5", false)].map((each) => log(each));
    expect(fold("permit", undefined, logs)).toMatchObject({
      state: "accepted",
      challengeEnds: 50n,
      releaseBy: 99n,
      releasedDatasets: ["5"],
      stateBlock: logs[3]?.blockNumber,
    });
    const done = log(release("8", true));
    expect(fold("permit", undefined, [...logs, done])).toMatchObject({
      state: "released",
      releasedDatasets: ["5", "8"],
    });
  });

  it("a retracted post leaves the permit issued: folding the logs that remain", () => {
    expect(fold("permit", undefined, [log(issued)])).toMatchObject({
      state: "issued",
      resultCommitment: undefined,
    });
  });

  it("are about every dataset and grant that they name", () => {
    expect(subjectsOf(issued)).toEqual([
      { kind: "permit", id: `0x${"09".repeat(32)}` },
      { kind: "dataset", id: "5" },
      { kind: "grant", id: "4" },
      { kind: "dataset", id: "8" },
      { kind: "grant", id: "6" },
    ]);
  });
});

describe("programs, regions, identities", () => {
  const algorithmId = bytes(32, 1);
  const proposed = fact("algorithmRegistered", {
    algorithmId,
    author: owner,
    fee: "3",
    feeToken: bytes(20, 0),
  });
  const state = (name: string) => log(fact("algorithmStateChanged", { algorithmId, state: name }));

  it("a removed proposal is gone and may be made anew", () => {
    expect(fold("algorithm", undefined, [log(proposed), state("approved")])?.state).toBe("approved");
    expect(fold("algorithm", undefined, [log(proposed), state("removed")])).toBeUndefined();
    expect(fold("algorithm", undefined, [log(proposed), state("removed"), log(proposed)])?.state).toBe(
      "proposed",
    );
  });

  it("a revoked attestation is gone", () => {
    const attested = log(fact("regionAttested", { subject: owner, regionCode: bytes(32, 5), expiry: 9n }));
    expect(fold("region", undefined, [attested])?.expiry).toBe(9n);
    expect(
      fold("region", undefined, [attested, log(fact("regionRevoked", { subject: owner }))]),
    ).toBeUndefined();
  });

  it("an identity follows recovery and dies by burning", () => {
    const minted = log(fact("identityMinted", { sbtId: "1", holder: owner }));
    const recovered = log(fact("identityRecovered", { sbtId: "1", holder: heir }));
    expect(fold("identity", undefined, [minted, recovered])?.holder).toBe(`0x${"02".repeat(20)}`);
    const burned = log(fact("identityBurned", { sbtId: "1" }));
    expect(fold("identity", undefined, [minted, burned])).toEqual({ sbtId: "1", holder: undefined });
  });
});

it("folding on arrival equals folding from the beginning, wherever the cut (law)", () => {
  const facts = [
    asked,
    given,
    reserved(permitId, 1n),
    reserved(bytes(32, 12), 2n),
    fact("runUsed", { grantId: "4", permitId }),
    fact("runReturned", { grantId: "4", permitId: bytes(32, 12) }),
    fact("ticketsReserved", { grantId: "4", count: 3n }),
    fact("accessRevoked", { grantId: "4" }),
  ];
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...facts), fc.integer({ min: 900, max: 2_000 })), { maxLength: 30 }),
      fc.nat(30),
      (steps, cut) => {
        const logs = steps.map(([what, time]) => log(what, time));
        const before = fold("grant", undefined, logs.slice(0, cut));
        expect(fold("grant", before, logs.slice(cut))).toEqual(fold("grant", undefined, logs));
      },
    ),
  );
});
