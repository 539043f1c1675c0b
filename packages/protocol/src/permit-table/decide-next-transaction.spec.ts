import { describe, expect, it } from "vitest";
import { asAddress, asDatasetId, asDigest } from "../ids.ts";
import { decideNextTransaction, type JobOutcome } from "./decide-next-transaction.ts";
import type { PermitFacts } from "./permit.ts";
import type { PermitStateName } from "./permit-state.ts";

const commitment = asDigest(`0x${"11".repeat(32)}`);
const permit = (state: PermitStateName): PermitFacts => ({
  state,
  grantee: asAddress(`0x${"a1".repeat(20)}`),
  operator: asAddress(`0x${"b2".repeat(20)}`),
  expiry: 1_000n,
  graceEnds: 0n,
  challengeWindow: 0n,
  releaseWindow: 500n,
  challengeEnds: 2_000n,
  ruleBy: 3_000n,
  releaseBy: 4_000n,
  replicas: 0,
  attestations: 0,
  resultCommitment: state === "Issued" ? undefined : commitment,
  challenger: undefined,
  bond: 0n,
  compute: 1n,
  author: 0n,
  work: 0n,
  items: [{ datasetId: asDatasetId("1"), dataShare: 1n, released: false }],
});
const open: JobOutcome = { kind: "open" };
const completed: JobOutcome = { kind: "completed", commitment, uri: "cos-object:00" };
const failed: JobOutcome = { kind: "failed", code: "OVERFLOW" };

const next = (state: PermitStateName, outcome: JobOutcome, live: boolean, at: bigint) =>
  decideNextTransaction(permit(state), outcome, live, at);
const sends = (transaction: object) => ({ kind: "send", transaction });
const waits = (wakeAt: bigint | undefined) => ({ kind: "wait", wakeAt });

describe("decideNextTransaction", () => {
  it("waits for the job, and for nothing longer than the permit lives", () => {
    expect(next("Issued", open, true, 999n)).toEqual(waits(1_000n));
    expect(next("Issued", open, true, 1_000n)).toEqual(sends({ call: "expire" }));
  });

  it("posts a result in time, and expires the permit instead when it is late", () => {
    const post = sends({ call: "postResult", commitment, uri: "cos-object:00" });
    expect(next("Issued", completed, true, 999n)).toEqual(post);
    expect(next("Issued", completed, true, 1_000n)).toEqual(sends({ call: "expire" }));
  });

  it("voids on a revocation, whatever the job says", () => {
    for (const outcome of [open, completed, failed]) {
      expect(next("Issued", outcome, false, 10n)).toEqual(sends({ call: "voidRevoked" }));
    }
  });

  it("fails what cannot be carried out, with its reason", () => {
    expect(next("Issued", failed, true, 10n)).toEqual(sends({ call: "fail", detail: "OVERFLOW" }));
  });

  it("never posts twice", () => {
    expect(next("Posted", completed, true, 1_999n)).toEqual(waits(2_000n));
  });

  it("accepts, times out and lapses by the clock, on the exact second", () => {
    expect(next("Posted", completed, true, 2_000n)).toEqual(sends({ call: "accept" }));
    expect(next("Challenged", completed, true, 2_999n)).toEqual(waits(3_000n));
    expect(next("Challenged", completed, true, 3_000n)).toEqual(sends({ call: "timeOutRuling" }));
    expect(next("Accepted", completed, true, 3_999n)).toEqual(waits(4_000n));
    expect(next("Accepted", completed, true, 4_000n)).toEqual(sends({ call: "lapse" }));
  });

  it("leaves a posted result alone after a revocation: the owner's veto is not releasing", () => {
    expect(next("Posted", completed, false, 10n)).toEqual(waits(2_000n));
  });

  it.each<PermitStateName>(["None", "Released", "Lapsed", "Refunded"])("has nothing to do in %s", (state) => {
    expect(next(state, completed, false, 9_999n)).toEqual(waits(undefined));
  });
});
