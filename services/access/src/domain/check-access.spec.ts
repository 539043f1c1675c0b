import { ChainEvent } from "@cos/proto/chain";
import { type AccessQuery, anyRegion, asAddress, asDatasetId, asDigest } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import type { ChainFact, ChainLog } from "./chain-log.ts";
import { type AccessFacts, checkAccess } from "./check-access.ts";
import { fold } from "./read-models.ts";

const bytes = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const hex = (length: number, fill: number): string =>
  `0x${fill.toString(16).padStart(2, "0").repeat(length)}`;

const log = (event: object): ChainLog => ({
  blockNumber: 1,
  blockHash: hex(32, 0),
  blockTime: 1_000,
  transactionHash: hex(32, 0),
  logIndex: 0,
  contract: "",
  fact: ChainEvent.fromPartial({ event } as object).event as ChainFact,
});
const zero = bytes(32, 0);
const dataset = log({
  $case: "datasetRegistered",
  value: {
    datasetId: "5",
    owner: bytes(20, 1),
    sbtId: "1",
    manifestCommitment: zero,
    contextDigest: zero,
    regionCode: zero,
  },
});
const version = log({
  $case: "datasetVersioned",
  value: { datasetId: "5", version: 1, reason: "initial", manifestCommitment: zero },
});
const request = log({
  $case: "accessRequested",
  value: {
    requestId: "4",
    datasetId: "5",
    grantee: bytes(20, 3),
    sbtId: "3",
    opMask: 8,
    purposeHash: bytes(32, 6),
    termsHash: zero,
  },
});
const grant = log({
  $case: "accessGranted",
  value: {
    grantId: "4",
    datasetId: "5",
    grantee: bytes(20, 3),
    sbtId: "3",
    opMask: 8,
    purposeHash: bytes(32, 6),
    termsHash: zero,
    regionCode: zero,
    notBefore: 1_000n,
    expiry: 2_000n,
    maxRuns: 1n,
    exactReleases: 1,
    versionPolicy: 1,
    feeToken: bytes(20, 0),
    feePerUse: "0",
    workFee: "0",
    owner: bytes(20, 1),
  },
});
const reserve = log({
  $case: "runReserved",
  value: { grantId: "4", permitId: bytes(32, 9), holder: bytes(20, 8), exactReleases: 1 },
});
const revoke = log({ $case: "accessRevoked", value: { grantId: "4", datasetId: "5" } });
const revokeAll = log({ $case: "allAccessRevoked", value: { datasetId: "5", epoch: 1n } });
const minted = (sbtId: string, holder: number) =>
  log({ $case: "identityMinted", value: { sbtId, holder: bytes(20, holder), didCommitment: zero } });

const factsOf = (
  grantLogs: readonly ChainLog[],
  more: { dataset?: ChainLog[]; grantee?: ChainLog[] } = {},
): AccessFacts => ({
  grant: fold("grant", undefined, grantLogs),
  dataset: fold("dataset", undefined, [dataset, version, ...(more.dataset ?? [])]),
  granteeIdentity: fold("identity", undefined, more.grantee ?? [minted("3", 3)]),
  ownerIdentity: fold("identity", undefined, [minted("1", 1)]),
});

const query: AccessQuery = {
  datasetId: asDatasetId("5"),
  grantee: asAddress(hex(20, 3)),
  op: 8,
  purposeHash: asDigest(hex(32, 6)),
  regionCode: anyRegion,
};
const fresh = { state: "following", syncedAt: 1_500, maxLagSeconds: 30 } as const;
const at = (second: number) => ({ clock: second, block: 1_500 });
const good = factsOf([request, grant]);

describe("checkAccess", () => {
  it("permits only what head and confirmed depth both allow", () => {
    const revoked = factsOf([request, grant, revoke]);
    const asked = factsOf([request]);
    expect(checkAccess({ confirmed: good, head: good }, query, undefined, at(1_500), fresh)).toEqual({
      ok: true,
      value: { version: 1 },
    });
    expect(checkAccess({ confirmed: good, head: revoked }, query, undefined, at(1_500), fresh)).toMatchObject(
      {
        error: { code: "GRANT_REVOKED", clause: 8 },
      },
    );
    expect(checkAccess({ confirmed: asked, head: good }, query, undefined, at(1_500), fresh)).toMatchObject({
      error: { code: "NOT_GRANTED", facts: { state: "requested" } },
    });
  });

  it("revokes by epoch: every grant of an earlier one", () => {
    const all = factsOf([request, grant], { dataset: [revokeAll] });
    expect(checkAccess({ confirmed: all, head: all }, query, undefined, at(1_500), fresh)).toMatchObject({
      error: { code: "GRANT_REVOKED" },
    });
  });

  it("needs the identity token to be with the grantee", () => {
    const moved = log({
      $case: "identityRecovered",
      value: { sbtId: "3", holder: bytes(20, 7), from: bytes(20, 3) },
    });
    for (const grantee of [[], [minted("3", 3), moved]]) {
      const dead = factsOf([request, grant], { grantee });
      expect(checkAccess({ confirmed: dead, head: dead }, query, undefined, at(1_500), fresh)).toMatchObject({
        error: { code: "IDENTITY_DEAD", clause: 1 },
      });
    }
  });

  it("does not count a permit's own reservation against it", () => {
    const held = factsOf([request, grant, reserve]);
    const ask = (permitId?: string) =>
      checkAccess({ confirmed: held, head: held }, query, permitId, at(1_500), fresh);
    expect(ask()).toMatchObject({
      error: { code: "RUNS_EXHAUSTED", facts: { maxRuns: "1", reserved: "1" } },
    });
    expect(ask(hex(32, 8))).toMatchObject({ error: { code: "RUNS_EXHAUSTED" } });
    expect(ask(hex(32, 9)).ok).toBe(true);
  });

  it("permits nothing when the mirror has not seen the head for longer than allowed; refusing goes on", () => {
    const both = { confirmed: good, head: good };
    expect(checkAccess(both, query, undefined, at(1_530), fresh).ok).toBe(true);
    expect(checkAccess(both, query, undefined, at(1_531), fresh)).toEqual({
      ok: false,
      error: { code: "MIRROR_BEHIND", lagSeconds: 31, maxLagSeconds: 30 },
    });
    const halted = { ...fresh, state: "halted" } as const;
    expect(checkAccess(both, query, undefined, at(1_500), halted)).toMatchObject({
      error: { code: "MIRROR_HALTED" },
    });
    expect(checkAccess(both, { ...query, op: 4 }, undefined, at(1_600), halted)).toMatchObject({
      error: { code: "OPERATION_NOT_GRANTED" },
    });
  });
});
