import { asAddress } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { decideFailure, workerLost } from "./decide-failure.ts";

const worker = (n: number) => asAddress(`0x${n.toString(16).padStart(40, "0")}`);
const sure = (n: number, code = "DIGEST_MISMATCH") => ({ worker: worker(n), code, retryable: false, at: 0 });
const passing = (n: number, code = "WORKER_FAULT", at = 0) => ({
  worker: worker(n),
  code,
  retryable: true,
  at,
});
const decide = (failures: Parameters<typeof decideFailure>[0], over: { knownWorkers?: number } = {}) =>
  decideFailure(failures, { knownWorkers: 3, maxAttempts: 6, outageSeconds: 600, ...over });
const times = (count: number, code: string, at = (_: number) => 0) =>
  Array.from({ length: count }, (_, i) => passing(i % 3, code, at(i)));

describe("a failed task", () => {
  it("ends its job for good only when a second worker says the same, where there is one", () => {
    expect(decide([sure(1)])).toMatchObject({ decision: "RETRY" });
    expect(decide([sure(1), sure(1)])).toMatchObject({ decision: "RETRY" }); // one worker saying it twice
    expect(decide([sure(1), sure(2)])).toEqual({ decision: "GIVE_UP", code: "DIGEST_MISMATCH" });
    expect(decide([sure(1)], { knownWorkers: 1 })).toMatchObject({ decision: "GIVE_UP" });
  });

  it("is tried again with growing pauses, up to the last attempt", () => {
    const after = (count: number) => decide(times(count, "WORKER_FAULT"));
    expect([1, 2, 3, 5].map((n) => after(n))).toEqual(
      [1, 2, 4, 16].map((afterSeconds) => ({ decision: "RETRY", afterSeconds })),
    );
    expect(after(6)).toEqual({ decision: "GIVE_UP", code: "WORKER_FAULT" });
  });

  it("that takes its workers down is given up like any other, the first loss tried again at once", () => {
    expect(decide(times(1, workerLost))).toEqual({ decision: "RETRY", afterSeconds: 0 });
    expect(decide(times(5, workerLost))).toEqual({ decision: "RETRY", afterSeconds: 15 });
    expect(decide(times(6, workerLost))).toEqual({ decision: "GIVE_UP", code: workerLost });
  });

  it("is not blamed for a store that is away, until that has lasted", () => {
    const away = (lastAt: number) => times(20, "INPUT_UNREACHABLE", (i) => (i === 19 ? lastAt : 0));
    expect(decide(away(599))).toEqual({ decision: "RETRY", afterSeconds: 60 });
    expect(decide(away(600))).toEqual({ decision: "GIVE_UP", code: "INPUT_UNREACHABLE" });
    // A few long apart are no outage; and they do not use up the attempts of other failures.
    expect(decide(times(5, "OUTPUT_REFUSED", (i) => i * 1_000))).toMatchObject({ decision: "RETRY" });
    expect(decide([...away(0), ...times(5, workerLost)])).toMatchObject({ decision: "RETRY" });
    expect(decide([...away(0), ...times(6, workerLost)])).toMatchObject({ decision: "GIVE_UP" });
  });
});
