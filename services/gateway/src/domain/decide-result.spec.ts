import { asAddress } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { decideResultView, type PermitFacts } from "./decide-result.ts";

const grantee = asAddress(`0x${"01".repeat(20)}`);
const ownerA = asAddress(`0x${"0a".repeat(20)}`);
const ownerB = asAddress(`0x${"0b".repeat(20)}`);
const resultUri = `cos-object:${"cd".repeat(32)}`;
const permit = (changes: Partial<PermitFacts> = {}, reach = [false, false]): PermitFacts => ({
  grantee,
  state: "posted",
  resultUri,
  datasets: [
    { owner: ownerA, resultMayReachGrantee: reach[0] === true },
    { owner: ownerB, resultMayReachGrantee: reach[1] === true },
  ],
  ...changes,
});

describe("decideResultView", () => {
  it.each([
    ["an owner", ownerB, [false, false], true],
    ["a grantee under owner-only grants", grantee, [false, false], false],
    ["a grantee whom one of two grants lets have it", grantee, [true, false], false],
    ["a grantee whom every grant lets have it", grantee, [true, true], true],
  ] as const)("%s", (_name, caller, reach, ciphertexts) => {
    expect(decideResultView(caller, permit({}, [...reach]))).toEqual({
      ok: true,
      value: { resultUri, ciphertexts },
    });
  });

  it.each([
    [{}, asAddress(`0x${"ff".repeat(20)}`), "NOT_A_PARTY"],
    [{ resultUri: "", state: "issued" }, ownerA, "RESULT_NOT_AVAILABLE"],
    [{ state: "refunded" }, ownerA, "RESULT_NOT_AVAILABLE"],
  ] as const)("%o for %s: %s", (changes, caller, code) => {
    expect(decideResultView(caller, permit(changes))).toMatchObject({ ok: false, error: { code } });
  });
});
