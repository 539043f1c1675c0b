import { asAddress } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { decideBegin, requeueDelaySeconds, type Slot } from "./decide-begin.ts";
import { jobStates } from "./job-state.ts";

const a = asAddress(`0x${"a".repeat(40)}`);
const b = asAddress(`0x${"b".repeat(40)}`);
const now = 1_000;
const slot = (
  replica: number,
  state: Slot["state"],
  worker?: Slot["worker"],
  leaseUntil = now + 60,
): Slot => ({
  replica,
  state,
  worker,
  leaseUntil,
  bounced: 0,
});
const begin = (slots: Slot[], over: Partial<Parameters<typeof decideBegin>[0]> = {}) =>
  decideBegin({
    jobState: "RUNNING",
    paused: false,
    settled: false,
    slots,
    named: undefined,
    wanted: 2,
    worker: a,
    failedHere: false,
    othersKnown: true,
    now,
    ...over,
  });

describe("beginning a task", () => {
  it("gives the first free slot", () => {
    expect(begin([slot(0, "QUEUED"), slot(1, "QUEUED")])).toEqual({ decision: "RUN", replica: 0 });
    expect(begin([slot(0, "RUNNING", b), slot(1, "WAITING")])).toEqual({ decision: "RUN", replica: 1 });
    expect(begin([slot(0, "DONE", b), slot(1, "QUEUED")])).toEqual({ decision: "RUN", replica: 1 });
  });

  it("is not wanted in any state but the three that work", () => {
    for (const jobState of jobStates) {
      const { decision } = begin([slot(0, "QUEUED")], { jobState });
      const works = ["PLANNED", "RUNNING", "REDUCING"].includes(jobState);
      expect(decision, jobState).toBe(works ? "RUN" : "NOT_WANTED");
    }
  });

  it("is done when the output stands, and waits while the job is paused", () => {
    expect(begin([slot(0, "DONE", b), slot(1, "DONE", a)], { settled: true }).decision).toBe("DONE");
    expect(begin([slot(0, "QUEUED")], { paused: true }).decision).toBe("LATER");
  });

  it("takes no live lease away, not even from the same worker", () => {
    const slots = [slot(0, "RUNNING", a), slot(1, "QUEUED")];
    expect(begin(slots).decision).toBe("LATER"); // slot 1 is somebody else's to fill
    expect(begin(slots, { worker: b })).toEqual({ decision: "RUN", replica: 1 });
    expect(begin(slots, { othersKnown: false })).toEqual({ decision: "RUN", replica: 1 });
    expect(begin([slot(0, "RUNNING", a)]).decision).toBe("LATER");
    expect(begin([slot(0, "RUNNING", a, now)])).toEqual({ decision: "RUN", replica: 0 }); // its lease is over
  });

  it("keeps replicas on distinct workers where another is known", () => {
    const slots = [slot(0, "DONE", a), slot(1, "QUEUED")];
    expect(begin(slots).decision).toBe("LATER");
    expect(begin(slots, { worker: b })).toEqual({ decision: "RUN", replica: 1 });
    expect(begin(slots, { othersKnown: false })).toEqual({ decision: "RUN", replica: 1 });
  });

  it("never lets a worker break a tie with itself", () => {
    const slots = [slot(0, "DONE", a), slot(1, "DONE", b), slot(2, "QUEUED")];
    expect(begin(slots, { othersKnown: false }).decision).toBe("LATER");
    expect(begin(slots, { worker: asAddress(`0x${"c".repeat(40)}`) })).toEqual({
      decision: "RUN",
      replica: 2,
    });
  });

  it("takes over a lease at the second it ends, not before", () => {
    const until = (leaseUntil: number) => begin([slot(0, "RUNNING", b, leaseUntil)]).decision;
    expect(until(now + 1)).toBe("LATER");
    expect(until(now)).toBe("RUN");
  });

  it("gives a task that this worker failed for good to another, if there is one", () => {
    expect(begin([slot(0, "QUEUED")], { failedHere: true }).decision).toBe("LATER");
    expect(begin([slot(0, "QUEUED")], { failedHere: true, othersKnown: false }).decision).toBe("RUN");
  });

  it("fills the slot that the message names, when it is free", () => {
    const slots = [slot(0, "QUEUED"), slot(1, "QUEUED")];
    expect(begin(slots, { named: 1 })).toEqual({ decision: "RUN", replica: 1 });
    expect(begin([slot(0, "QUEUED"), slot(1, "RUNNING", b)], { named: 1 })).toMatchObject({ replica: 0 });
  });

  it("names the slot that is left without a message, and no other", () => {
    const mine = slot(0, "RUNNING", a);
    expect(begin([mine, slot(1, "QUEUED")], { named: 1 })).toMatchObject({ requeue: { replica: 1 } });
    // The message of a slot that was begun with the other's: the other has none any more.
    expect(begin([mine, slot(1, "QUEUED")], { named: 0 })).toMatchObject({ requeue: { replica: 1 } });
    // Delivered again while it runs here: its lease brings it back should it be lost.
    expect(begin([mine, slot(1, "RUNNING", b)], { named: 0 })).toEqual({
      decision: "LATER",
      requeue: undefined,
    });
    expect(begin([mine, slot(1, "WAITING")], { named: 1 })).toMatchObject({ requeue: undefined });
    expect(begin([slot(0, "QUEUED")], { paused: true, named: 0 })).toMatchObject({ requeue: { replica: 0 } });
  });

  it("publishes anew at once a few times, then ever more slowly", () => {
    expect([0, 3, 4, 5, 6, 7, 8, 99].map(requeueDelaySeconds)).toEqual([0, 0, 1, 2, 4, 8, 8, 8]);
  });
});
