import { asAddress } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { decideFailure, type TaskFailure } from "./decide-failure.ts";

const a = asAddress(`0x${"a".repeat(40)}`);
const b = asAddress(`0x${"b".repeat(40)}`);
const tampered = (worker: TaskFailure["worker"]): TaskFailure => ({
  worker,
  code: "DIGEST_MISMATCH",
  retryable: false,
});
const flaky: TaskFailure = { worker: a, code: "FETCH_FAILED", retryable: true };

describe("a task that a worker gave up", () => {
  it("is retried after 1, 2, 4 ... at most 60 s, and given up at the bound", () => {
    const after = (n: number) => decideFailure(Array(n).fill(flaky), 2, 8);
    expect([1, 2, 3, 4, 7].map(after)).toEqual(
      [1, 2, 4, 8, 60].map((afterSeconds) => ({ decision: "RETRY", afterSeconds })),
    );
    expect(after(8)).toEqual({ decision: "GIVE_UP", code: "FETCH_FAILED" });
  });

  it("ends the job when two workers call it final; one alone cannot where another is known", () => {
    expect(decideFailure([tampered(a)], 2, 8).decision).toBe("RETRY");
    expect(decideFailure([tampered(a), tampered(a)], 2, 8).decision).toBe("RETRY");
    expect(decideFailure([tampered(a), tampered(b)], 2, 8)).toEqual({
      decision: "GIVE_UP",
      code: "DIGEST_MISMATCH",
    });
    expect(decideFailure([tampered(a)], 1, 8)).toEqual({ decision: "GIVE_UP", code: "DIGEST_MISMATCH" });
  });
});
