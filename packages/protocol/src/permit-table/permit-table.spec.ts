import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { asAddress, asDatasetId, asDigest } from "../ids.ts";
import { feeOf, type PermitFacts } from "./permit.ts";
import { isFinalState, type PermitStateName, permitStates } from "./permit-state.ts";
import { decideCall, type PermitCall, type PermitCallName } from "./permit-table.ts";

const commitment = asDigest(`0x${"11".repeat(32)}`);
const other = asDigest(`0x${"22".repeat(32)}`);
const first = asDatasetId("5");
const second = asDatasetId("9");

/** Fee 100 = compute 40 + author 10 + data 30 + 20; expiry 1000, grace to 200, challenge to 2000, ruling to 3000. */
const permit = (state: PermitStateName, change: Partial<PermitFacts> = {}): PermitFacts => ({
  state,
  grantee: asAddress(`0x${"a1".repeat(20)}`),
  operator: asAddress(`0x${"b2".repeat(20)}`),
  expiry: 1_000n,
  graceEnds: 200n,
  challengeWindow: 100n,
  releaseWindow: 500n,
  challengeEnds: 2_000n,
  ruleBy: 3_000n,
  releaseBy: 4_000n,
  replicas: 0,
  attestations: 0,
  resultCommitment: state === "None" || state === "Issued" ? undefined : commitment,
  challenger: undefined,
  bond: 7n,
  compute: 40n,
  author: 10n,
  work: 15n,
  items: [
    { datasetId: first, dataShare: 30n, released: false },
    { datasetId: second, dataShare: 20n, released: false },
  ],
  ...change,
});

/** A call of each name whose guard holds at `at`, whatever the state. */
const goodCalls: { [N in PermitCallName]: { call: PermitCall; at: bigint } } = {
  postResult: { call: { name: "postResult", commitment, grantsLive: true }, at: 999n },
  cancel: { call: { name: "cancel" }, at: 100n },
  voidRevoked: { call: { name: "voidRevoked", grantsLive: false }, at: 100n },
  expire: { call: { name: "expire" }, at: 1_000n },
  fail: { call: { name: "fail" }, at: 100n },
  challenge: { call: { name: "challenge" }, at: 1_999n },
  accept: { call: { name: "accept" }, at: 2_000n },
  rule: { call: { name: "rule", resultStands: true }, at: 2_999n },
  timeOutRuling: { call: { name: "timeOutRuling" }, at: 3_000n },
  release: { call: { name: "release", datasetId: first, barred: false }, at: 3_999n },
  lapse: { call: { name: "lapse" }, at: 4_000n },
};

/** Written out from DESIGN.md section 4: everything that is not here is refused. */
const allowed: Record<PermitStateName, Partial<Record<PermitCallName, PermitStateName>>> = {
  None: {},
  Issued: {
    postResult: "Posted",
    cancel: "Refunded",
    voidRevoked: "Refunded",
    expire: "Refunded",
    fail: "Refunded",
  },
  // Posting the same commitment again changes nothing in any later state.
  Posted: { postResult: "Posted", challenge: "Challenged", accept: "Accepted" },
  Challenged: { postResult: "Challenged", rule: "Accepted", timeOutRuling: "Refunded" },
  Accepted: { postResult: "Accepted", release: "Accepted", lapse: "Lapsed" },
  Released: { postResult: "Released" },
  Lapsed: { postResult: "Lapsed" },
  Refunded: { postResult: "Refunded" },
};

describe("the permit table", () => {
  for (const state of permitStates) {
    for (const [name, { call, at }] of Object.entries(goodCalls)) {
      const to = allowed[state][name as PermitCallName];
      it(`${state}: ${name} ${to ? `leads to ${to}` : "is refused"}`, () => {
        const decided = decideCall(permit(state), call, at);
        if (to) expect(decided).toMatchObject({ ok: true, value: { to } });
        else expect(decided).toMatchObject({ ok: false, error: { code: "WRONG_STATE", state, call: name } });
      });
    }
  }

  it.each<[string, PermitStateName, PermitCall, bigint, bigint]>([
    ["postResult before expiry", "Issued", goodCalls.postResult.call, 999n, 1_000n],
    ["challenge before its end", "Posted", goodCalls.challenge.call, 1_999n, 2_000n],
    ["rule before its end", "Challenged", goodCalls.rule.call, 2_999n, 3_000n],
    ["release before its end", "Accepted", goodCalls.release.call, 3_999n, 4_000n],
  ])("%s, and not from then on", (_name, state, call, last, deadline) => {
    expect(decideCall(permit(state), call, last).ok).toBe(true);
    expect(decideCall(permit(state), call, deadline)).toMatchObject({
      error: { code: "TOO_LATE", deadline, at: deadline },
    });
  });

  it.each<[string, PermitStateName, PermitCall, bigint]>([
    ["expire", "Issued", { name: "expire" }, 1_000n],
    ["accept", "Posted", { name: "accept" }, 2_000n],
    ["timeOutRuling", "Challenged", { name: "timeOutRuling" }, 3_000n],
    ["lapse", "Accepted", { name: "lapse" }, 4_000n],
  ])("%s from its second on, not before", (_name, state, call, from) => {
    expect(decideCall(permit(state), call, from).ok).toBe(true);
    expect(decideCall(permit(state), call, from - 1n)).toMatchObject({
      error: { code: "TOO_EARLY", from, at: from - 1n },
    });
  });

  it("keeps paired deadlines disjoint: at every second exactly one of the two is open (law)", () => {
    const pairs: [PermitStateName, PermitCall, PermitCall][] = [
      ["Issued", goodCalls.postResult.call, { name: "expire" }],
      ["Posted", { name: "challenge" }, { name: "accept" }],
      ["Challenged", goodCalls.rule.call, { name: "timeOutRuling" }],
      ["Accepted", goodCalls.release.call, { name: "lapse" }],
    ];
    fc.assert(
      fc.property(fc.constantFrom(...pairs), fc.bigInt(0n, 5_000n), ([state, early, late], at) => {
        const open = [early, late].filter((call) => decideCall(permit(state), call, at).ok);
        expect(open).toHaveLength(1);
      }),
    );
  });

  it("accepts early with as many attestations as the terms ask for", () => {
    const attested = (replicas: number, attestations: number) =>
      decideCall(permit("Posted", { replicas, attestations }), { name: "accept" }, 1_000n).ok;
    expect(attested(2, 1)).toBe(false);
    expect(attested(2, 2)).toBe(true);
    expect(attested(0, 9)).toBe(false); // no number of attestations shortens it when the terms ask for none
  });

  it("takes the same commitment twice and refuses another", () => {
    const same = decideCall(
      permit("Refunded"),
      { name: "postResult", commitment, grantsLive: false },
      9_999n,
    );
    expect(same).toEqual({ ok: true, value: { to: "Refunded", money: [], unchanged: true } });
    const another = decideCall(
      permit("Posted"),
      { name: "postResult", commitment: other, grantsLive: true },
      1n,
    );
    expect(another).toMatchObject({
      error: { code: "COMMITMENT_CONFLICT", posted: commitment, given: other },
    });
  });

  it("takes no result on a fallen grant, and voids only on one", () => {
    const post = { name: "postResult", commitment, grantsLive: false } as const;
    expect(decideCall(permit("Issued"), post, 1n)).toMatchObject({ error: { code: "GRANT_NOT_LIVE" } });
    const voids = { name: "voidRevoked", grantsLive: true } as const;
    expect(decideCall(permit("Issued"), voids, 1n)).toMatchObject({ error: { code: "GRANTS_LIVE" } });
  });

  it("charges the work fee from the end of the grace period until expiry", () => {
    const refund = (at: bigint) => {
      const decided = decideCall(permit("Issued"), { name: "cancel" }, at);
      return decided.ok ? decided.value.money : undefined;
    };
    const full = [{ kind: "refund", to: "grantee", amount: 100n }];
    const less = [
      { kind: "work-fee", to: "operator", amount: 15n },
      { kind: "refund", to: "grantee", amount: 85n },
    ];
    expect(refund(199n)).toEqual(full);
    expect(refund(200n)).toEqual(less);
    expect(refund(999n)).toEqual(less);
    expect(refund(1_000n)).toEqual(full);
  });

  it("pays each share once and each owner on release; the last release ends the permit", () => {
    expect(decideCall(permit("Posted"), { name: "accept" }, 2_000n)).toMatchObject({
      value: {
        money: [
          { kind: "compute-share", amount: 40n },
          { kind: "author-share", amount: 10n },
        ],
      },
    });
    const half = permit("Accepted", {
      items: [
        { datasetId: first, dataShare: 30n, released: true },
        { datasetId: second, dataShare: 20n, released: false },
      ],
    });
    const releaseOf = (datasetId: typeof first) => ({ name: "release", datasetId, barred: false }) as const;
    expect(decideCall(half, releaseOf(first), 1n)).toMatchObject({ error: { code: "ALREADY_RELEASED" } });
    expect(decideCall(half, releaseOf(asDatasetId("7")), 1n)).toMatchObject({
      error: { code: "NO_SUCH_DATASET" },
    });
    expect(decideCall(half, { ...releaseOf(second), barred: true }, 1n)).toMatchObject({
      error: { code: "RELEASE_BARRED" },
    });
    expect(decideCall(half, releaseOf(second), 1n)).toMatchObject({
      value: { to: "Released", money: [{ kind: "data-share", datasetId: second, amount: 20n }] },
    });
    expect(decideCall(half, { name: "lapse" }, 4_000n)).toMatchObject({
      value: { to: "Lapsed", money: [{ kind: "refund", amount: 20n }] },
    });
  });

  it("sends the bond where the ruling says", () => {
    const bond = (resultStands: boolean) => {
      const decided = decideCall(permit("Challenged"), { name: "rule", resultStands }, 2_500n);
      return decided.ok ? decided.value.money.find(({ kind }) => kind === "bond") : undefined;
    };
    expect(bond(true)).toMatchObject({ to: "operator", amount: 7n });
    expect(bond(false)).toMatchObject({ to: "challenger", amount: 7n });
  });

  it("pays out exactly the fee on every way through the table (law)", () => {
    const step = fc.record({
      call: fc.constantFrom<PermitCall>(
        ...Object.values(goodCalls).map(({ call }) => call),
        { name: "release", datasetId: second, barred: false },
        { name: "rule", resultStands: false },
      ),
      at: fc.bigInt(0n, 5_000n),
    });
    const amounts = fc.array(fc.bigInt(0n, 10n ** 20n), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), amounts, (steps, [compute, author, one, two]) => {
        let now = permit("Issued", {
          compute: compute as bigint,
          author: author as bigint,
          work: 0n,
          items: [
            { datasetId: first, dataShare: one as bigint, released: false },
            { datasetId: second, dataShare: two as bigint, released: false },
          ],
        });
        let paid = 0n;
        for (const { call, at } of steps) {
          const decided = decideCall(now, call, at);
          if (!decided.ok) continue;
          paid += decided.value.money
            .filter(({ kind }) => kind !== "bond")
            .reduce((sum, { amount }) => sum + amount, 0n);
          const released = call.name === "release" && !decided.value.unchanged ? call.datasetId : undefined;
          now = {
            ...now,
            state: decided.value.to,
            resultCommitment: call.name === "postResult" ? call.commitment : now.resultCommitment,
            items: now.items.map((item) => ({
              ...item,
              released: item.released || item.datasetId === released,
            })),
          };
          expect(paid).toBeLessThanOrEqual(feeOf(now));
        }
        if (isFinalState(now.state)) expect(paid).toBe(feeOf(now));
      }),
      { numRuns: 500 },
    );
  });
});
