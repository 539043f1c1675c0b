import { asPermitId, type NextTransaction, PermitState, type PermitStateName } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { judgeRefusal, type Verdict } from "./judge-refusal.ts";
import { businessIdOf, type OperatorCall, toDetail } from "./operator-call.ts";

const permitId = asPermitId(`0x${"ab".repeat(32)}`);
const call = (transaction: NextTransaction): OperatorCall => ({
  contract: "JobPermits",
  permitId,
  transaction,
});
const wrongState = (state: PermitStateName) => ({
  name: "JobPermits_WrongState",
  facts: { permitId, state: String(PermitState[state]) },
});

describe("judgeRefusal", () => {
  it.each<[NextTransaction["call"], PermitStateName, Verdict]>([
    ["accept", "Accepted", "done"],
    ["accept", "Released", "done"],
    ["accept", "Lapsed", "done"],
    ["accept", "Challenged", "failed"],
    ["accept", "Refunded", "failed"],
    ["expire", "Refunded", "done"],
    ["expire", "Posted", "failed"],
    ["voidRevoked", "Refunded", "done"],
    ["voidRevoked", "Posted", "failed"],
    ["timeOutRuling", "Refunded", "done"],
    ["timeOutRuling", "Accepted", "failed"],
    ["lapse", "Lapsed", "done"],
    ["lapse", "Released", "failed"],
  ])("%s on a permit that is %s already: %s", (name, state, verdict) => {
    expect(judgeRefusal(call({ call: name } as NextTransaction), wrongState(state))).toBe(verdict);
  });

  it("takes a failed permit that is refunded for done", () => {
    expect(judgeRefusal(call({ call: "fail", detail: "X" }), wrongState("Refunded"))).toBe("done");
  });

  it.each([
    "JobPermits_StillChallengeable",
    "JobPermits_NotExpired",
    "JobPermits_RulingOpen",
    "JobPermits_ReleaseOpen",
  ])("waits for the chain's clock on %s", (name) => {
    expect(judgeRefusal(call({ call: "accept" }), { name, facts: {} })).toBe("wait");
  });

  it("fails everything else, a conflicting commitment and a lost role among it", () => {
    for (const name of [
      "JobPermits_CommitmentConflict",
      "JobPermits_GrantNotLive",
      "Authority_MissingRole",
    ]) {
      expect(judgeRefusal(call({ call: "lapse" }), { name, facts: { state: "6" } })).toBe("failed");
    }
  });
});

it("names a duty by what it does to what", () => {
  expect(businessIdOf(call({ call: "voidRevoked" }))).toBe(`void-revoked:${permitId}`);
  expect(businessIdOf(call({ call: "fail", detail: "A" }))).toBe(
    businessIdOf(call({ call: "fail", detail: "B" })),
  );
});

it("fits a reason into 31 printable characters", () => {
  expect(toDetail("OVERFLOW")).toBe("OVERFLOW");
  expect(toDetail("X".repeat(40))).toBe("X".repeat(31));
  expect(toDetail("naïve\n")).toBe("na?ve?");
});
