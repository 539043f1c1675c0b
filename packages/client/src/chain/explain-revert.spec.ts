import { allErrorsAbi } from "@cos/chain";
import { reasons, refusalCodes } from "@cos/protocol";
import { Interface, makeError } from "ethers";
import { describe, expect, it } from "vitest";
import { explainRevert } from "./explain-revert.ts";

const errors = new Interface(allErrorsAbi);

/** What ethers throws for a reverted call. */
const reverted = (name: string, values: readonly unknown[]) =>
  makeError("execution reverted", "CALL_EXCEPTION", {
    action: "call",
    data: errors.encodeErrorResult(name, values),
    reason: null,
    transaction: { to: null, data: "0x" },
    invocation: null,
    revert: null,
  });

const zeros: Record<string, unknown> = { address: `0x${"0".repeat(40)}`, bytes32: `0x${"0".repeat(64)}` };

describe("a revert in words", () => {
  it("names the clause and the values that prove it", () => {
    const failure = explainRevert(reverted("AccessACL_RunsExhausted", [7n, 10, 4, 6]));
    expect(failure).toMatchObject({
      kind: "refused",
      code: "RUNS_EXHAUSTED",
      clause: 4,
      facts: { grantId: "7", maxRuns: "10", reserved: "4", used: "6" },
    });
    expect(failure.message).toContain("clause 4");
  });

  it.each(reasons.filter((reason) => reason !== "None" && reason !== "Allowed"))("knows %s", (reason) => {
    const inputs = errors.getError(`AccessACL_${reason}`)?.inputs ?? [];
    const failure = explainRevert(
      reverted(
        `AccessACL_${reason}`,
        inputs.map(({ type }) => zeros[type] ?? 0),
      ),
    );
    const { code, clause } = refusalCodes[reason as keyof typeof refusalCodes];
    expect(failure.code).toBe(code);
    expect(failure.clause).toBe(clause === 0 ? undefined : clause);
  });

  it("tells an error that it has no words for by its name", () => {
    expect(explainRevert(reverted("UsageLog_BadBatch", [zeros.bytes32, 0, 0, 0])).message).toContain(
      "UsageLog_BadBatch",
    );
  });

  it("tells a chain that does not answer from one that refuses", () => {
    const gone = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
    expect(explainRevert(gone)).toMatchObject({ kind: "unavailable", code: "CHAIN_UNREACHABLE" });
    expect(() => explainRevert(new TypeError("a bug"))).toThrow("a bug");
  });
});
