import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asAddress, asAlgorithmId, asDatasetId, asDigest, asGrantId } from "../ids.ts";
import { Op } from "../op-mask.ts";
import { anyRegion, toRegionCode } from "../region.ts";
import { type Clauses, GrantState, noCounters, OutputPolicy, VersionPolicy } from "./grant-terms.ts";
import { type AccessQuery, type DatasetView, type GrantView, mayAccess } from "./may-access.ts";

const digit = (hex: string): string => `0x${hex.repeat(64 / hex.length)}`;
const grantee = asAddress(`0x${"a1".repeat(20)}`);
const stranger = asAddress(`0x${"b2".repeat(20)}`);
const purpose = asDigest(digit("c3"));
const program = asAlgorithmId(digit("d4"));

const clauses: Clauses = {
  sbtId: 7n,
  grantee,
  datasetId: asDatasetId("5"),
  opMask: Op.READ | Op.COMPUTE,
  allowedAlgorithms: [],
  purposeHash: purpose,
  notBefore: 1_000n,
  expiry: 2_000n,
  maxRuns: 3,
  maxTickets: 10,
  rateMax: 2,
  rateWindow: 100,
  regionCode: toRegionCode("eu"),
  epsilonMicro: 1_000_000n,
  deltaNano: 10n,
  exactReleases: 4,
  outputPolicy: OutputPolicy.OwnerOnly,
  termsHash: asDigest(digit("e5")),
  versionPolicy: VersionPolicy.Follow,
  pinnedVersion: 0,
  graceSeconds: 60,
  auditEachUse: false,
  feeToken: asAddress(`0x${"00".repeat(20)}`),
  feePerUse: 0n,
  workFee: 0n,
  computeBps: 0,
  authorBps: 0,
  autoAuthorise: true,
};
const grant: GrantView = {
  grantId: asGrantId("1"),
  state: GrantState.Granted,
  clauses,
  spent: noCounters,
  identityLive: true,
};
const dataset: DatasetView = {
  datasetId: asDatasetId("5"),
  status: "active",
  transferPending: false,
  ownerLive: true,
  latestVersion: 4,
  barrierVersion: 1,
};
const query: AccessQuery = {
  datasetId: asDatasetId("5"),
  grantee,
  op: Op.COMPUTE,
  purposeHash: purpose,
  regionCode: toRegionCode("eu"),
};
const at = (seconds: number) => ({ clock: seconds, block: seconds });

type Change = {
  clauses?: Partial<Clauses>;
  grant?: Partial<GrantView>;
  dataset?: Partial<DatasetView>;
  query?: Partial<AccessQuery>;
  now?: { clock: number; block: number };
};
const ask = (change: Change = {}) =>
  mayAccess(
    { ...grant, clauses: { ...clauses, ...change.clauses }, ...change.grant },
    { ...dataset, ...change.dataset },
    { ...query, ...change.query },
    change.now ?? at(1_500),
  );

describe("mayAccess", () => {
  it("allows what every clause allows, and names the version that a permit may use", () => {
    expect(ask()).toEqual({ ok: true, value: { version: 4 } });
  });

  it.each<[string, number, Change, Record<string, string>]>([
    ["NOT_GRANTED", 0, { grant: { state: GrantState.Requested } }, { state: "1" }],
    ["NOT_GRANTED", 0, { grant: { state: GrantState.Declined } }, { state: "3" }],
    ["NO_GRANT", 0, { grant: { state: GrantState.None } }, {}],
    ["GRANT_REVOKED", 8, { grant: { state: GrantState.Revoked } }, {}],
    ["GRANTEE_MISMATCH", 1, { query: { grantee: stranger } }, { granted: grantee, asked: stranger }],
    ["IDENTITY_DEAD", 1, { grant: { identityLive: false } }, { sbtId: "7" }],
    ["DATASET_SUSPENDED", 2, { dataset: { status: "paused" } }, { status: "paused" }],
    ["DATASET_SUSPENDED", 2, { dataset: { transferPending: true } }, { transferPending: "true" }],
    ["DATASET_SUSPENDED", 2, { dataset: { ownerLive: false } }, { ownerLive: "false" }],
    ["DATASET_WITHDRAWN", 2, { dataset: { status: "withdrawn" } }, { status: "withdrawn" }],
    ["OPERATION_NOT_GRANTED", 2, { query: { op: Op.EXPORT } }, { granted: "9", asked: "4" }],
    ["OPERATION_NOT_GRANTED", 2, { query: { op: Op.READ | Op.LIST } }, { granted: "9", asked: "3" }],
    ["OPERATION_NOT_GRANTED", 2, { query: { op: 0 } }, { granted: "9", asked: "0" }],
    ["PURPOSE_MISMATCH", 3, { query: { purposeHash: asDigest(digit("ff")) } }, { granted: purpose }],
    ["REGION_MISMATCH", 5, { query: { regionCode: toRegionCode("us") } }, { granted: toRegionCode("eu") }],
    [
      "ALGORITHM_NOT_ALLOWED",
      2,
      {
        clauses: { allowedAlgorithms: [program] },
        query: { algorithmId: asAlgorithmId(digit("d5")) },
      },
      { asked: digit("d5") },
    ],
  ])("refuses with %s, clause %i", (code, clause, change, facts) => {
    expect(ask(change)).toMatchObject({ ok: false, error: { code, clause, facts } });
  });

  it("is default deny: no grant, no dataset, or a grant for another dataset", () => {
    const denied = { ok: false, error: { code: "NO_GRANT", clause: 0 } };
    expect(mayAccess(undefined, dataset, query, at(1_500))).toMatchObject(denied);
    expect(mayAccess(grant, undefined, query, at(1_500))).toMatchObject(denied);
    expect(ask({ query: { datasetId: asDatasetId("6") } })).toMatchObject(denied);
  });

  it("holds the window on both sides, by either clock", () => {
    expect(ask({ now: at(999) })).toMatchObject({
      error: { code: "GRANT_NOT_YET_VALID", facts: { at: "999" } },
    });
    expect(ask({ now: at(1_000) }).ok).toBe(true);
    expect(ask({ now: at(1_999) }).ok).toBe(true);
    expect(ask({ now: at(2_000) })).toMatchObject({
      error: { code: "GRANT_EXPIRED", facts: { expiry: "2000" } },
    });
    expect(ask({ now: { clock: 2_000, block: 1_999 } })).toMatchObject({ error: { code: "GRANT_EXPIRED" } });
    expect(ask({ now: { clock: 1_000, block: 999 } })).toMatchObject({
      error: { code: "GRANT_NOT_YET_VALID" },
    });
  });

  it("counts reserved and used runs together", () => {
    const spent = (runsReserved: number, runsUsed: number) => ({
      grant: { spent: { ...noCounters, runsReserved, runsUsed } },
    });
    expect(ask(spent(1, 1)).ok).toBe(true); // 2 of 3
    expect(ask(spent(1, 2))).toMatchObject({ error: { code: "RUNS_EXHAUSTED", clause: 4 } }); // 3 of 3
    expect(ask({ ...spent(1, 2), query: { op: Op.READ } }).ok).toBe(true); // runs are for COMPUTE
  });

  it("counts tickets asked for on top of those reserved", () => {
    const spent = { grant: { spent: { ...noCounters, ticketsReserved: 8 } } };
    expect(ask({ ...spent, query: { op: Op.READ, tickets: 2 } }).ok).toBe(true); // 10 of 10
    expect(ask({ ...spent, query: { op: Op.READ, tickets: 3 } })).toMatchObject({
      error: { code: "TICKETS_EXHAUSTED", facts: { maxTickets: "10", reserved: "8", asked: "3" } },
    });
  });

  it("limits the rate within a window counted from notBefore", () => {
    // 1500 lies in window (1500 - 1000) / 100 = 5; 1499 in window 4.
    const spent = { grant: { spent: { ...noCounters, rateCount: 2, rateIndex: 5n } } };
    expect(ask({ ...spent, now: at(1_500) })).toMatchObject({ error: { code: "RATE_EXCEEDED", clause: 4 } });
    expect(ask({ ...spent, now: at(1_600) }).ok).toBe(true);
    expect(ask({ ...spent, now: at(1_500), clauses: { rateMax: 0 } }).ok).toBe(true);
  });

  it("charges the privacy budget and exact releases", () => {
    const spent = {
      grant: { spent: { ...noCounters, epsilonReserved: 300_000n, epsilonUsed: 500_000n, releasesUsed: 3 } },
    };
    expect(ask({ ...spent, query: { epsilonMicro: 200_000n } }).ok).toBe(true); // exactly 1,000,000
    expect(ask({ ...spent, query: { epsilonMicro: 200_001n } })).toMatchObject({
      error: { code: "BUDGET_EXHAUSTED", clause: 6, facts: { epsilonSpentMicro: "800000" } },
    });
    expect(ask({ query: { deltaNano: 11n } })).toMatchObject({ error: { code: "BUDGET_EXHAUSTED" } });
    expect(ask({ ...spent, query: { exactReleases: 1 } }).ok).toBe(true);
    expect(ask({ ...spent, query: { exactReleases: 2 } })).toMatchObject({
      error: { code: "RELEASES_EXHAUSTED", clause: 6 },
    });
  });

  it("lets withdrawal and consent override a pinned version", () => {
    const pinned = { clauses: { versionPolicy: VersionPolicy.Pin, pinnedVersion: 2 } };
    expect(ask({ ...pinned, query: { version: 2 } })).toEqual({ ok: true, value: { version: 2 } });
    expect(ask({ ...pinned, query: { version: 3 } })).toMatchObject({ error: { code: "VERSION_MISMATCH" } });
    const barred = { ...pinned, dataset: { barrierVersion: 3 } };
    expect(ask({ ...barred, query: { version: 2 } })).toMatchObject({
      error: { code: "VERSION_BARRED", clause: 8 },
    });
    expect(ask({ ...barred, query: { version: 3 } })).toEqual({ ok: true, value: { version: 3 } });
  });

  it("answers by the contract's order when several clauses refuse", () => {
    const everything: Change = {
      clauses: { expiry: 1_200n, maxRuns: 0 },
      grant: { identityLive: false },
      dataset: { status: "withdrawn" },
      query: { grantee: stranger, op: Op.EXPORT, regionCode: anyRegion },
    };
    expect(ask(everything)).toMatchObject({ error: { code: "GRANTEE_MISMATCH" } });
    expect(ask({ ...everything, query: { op: Op.EXPORT } })).toMatchObject({
      error: { code: "IDENTITY_DEAD" },
    });
  });

  it("never allows at a moment outside the window, whatever else holds (law)", () => {
    const moment = fc.integer({ min: 0, max: 4_000 });
    fc.assert(
      fc.property(moment, moment, (clock, block) => {
        const inside = [clock, block].every((second) => second >= 1_000 && second < 2_000);
        expect(ask({ now: { clock, block } }).ok).toBe(inside);
      }),
    );
  });
});
