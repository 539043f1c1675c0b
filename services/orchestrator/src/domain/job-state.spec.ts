import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jobDiagram } from "./job-diagram.ts";
import {
  isTerminal,
  type JobMove,
  type JobState,
  jobStates,
  jobTable,
  mayMove,
  nextState,
  type Progress,
  reachedState,
  wantsWork,
} from "./job-state.ts";

const nothing: Progress = { planned: false, begun: false, reducing: false, completed: false };
const all: Progress = { planned: true, begun: true, reducing: true, completed: true };
const walk = (moves: JobMove[], progress = nothing): (JobState | undefined)[] => {
  let state: JobState = "PERMITTED";
  return moves.map((move) => {
    const next = nextState(state, move, progress);
    if (next) state = next;
    return next;
  });
};

describe("the job state machine", () => {
  it("leads from permit to settlement in the order of the design", () => {
    expect(walk(["plan", "begin", "reduce", "complete", "commit", "settle"])).toEqual([
      "PLANNED",
      "RUNNING",
      "REDUCING",
      "COMPLETED",
      "COMMITTED",
      "SETTLED",
    ]);
  });

  it("makes every move but reinstating a no-op the second time", () => {
    for (const move of Object.keys(jobTable) as JobMove[]) {
      for (const state of jobStates) {
        const once = nextState(state, move, nothing);
        if (once) expect(nextState(once, move, nothing), `${state} ${move} ${move}`).toBeUndefined();
      }
    }
  });

  it("forbids what must never happen", () => {
    expect(mayMove("SETTLED", "cancel")).toBe(false); // paid for good
    expect(mayMove("COMMITTED", "cancel")).toBe(false); // posted first: the owner's veto is not releasing
    expect(mayMove("CANCELLED", "plan")).toBe(false);
    expect(mayMove("COMPLETED", "expire")).toBe(false); // its result may already be in a block that is not mirrored yet
    expect(mayMove("COMMITTED", "fail")).toBe(false);
    expect(mayMove("REJECTED", "reinstate")).toBe(false);
    for (const state of jobStates) expect(mayMove(state, "settle")).toBe(state === "COMMITTED");
  });

  it("goes back to completed when the posting is retracted", () => {
    expect(nextState("COMMITTED", "uncommit", all)).toBe("COMPLETED");
  });

  it("resumes a stopped job where its stored work ends", () => {
    expect(nextState("CANCELLED", "reinstate", nothing)).toBe("PERMITTED");
    expect(nextState("CANCELLED", "reinstate", { ...nothing, planned: true })).toBe("PLANNED");
    expect(nextState("CANCELLED", "reinstate", { ...all, reducing: false, completed: false })).toBe(
      "RUNNING",
    );
    expect(nextState("EXPIRED", "reinstate", { ...all, completed: false })).toBe("REDUCING");
    expect(reachedState(all)).toBe("COMPLETED");
  });

  it("never leaves a settled or rejected job except by the chain's word, whatever moves come", () => {
    const move = fc.constantFrom(...(Object.keys(jobTable) as JobMove[]));
    fc.assert(
      fc.property(fc.array(move, { maxLength: 60 }), (moves) => {
        let state: JobState = "PERMITTED";
        for (const next of moves) {
          const before: JobState = state;
          state = nextState(state, next, all) ?? state;
          if (before === "SETTLED") expect(state).toBe("SETTLED");
          if (before === "REJECTED" && state !== before) expect(next).toBe("commit");
        }
      }),
    );
  });

  it("wants work exactly while tasks can still lead to a result", () => {
    expect(jobStates.filter(wantsWork)).toEqual(["PLANNED", "RUNNING", "REDUCING"]);
    expect(jobStates.filter(isTerminal)).toEqual(["SETTLED", "REJECTED", "FAILED", "CANCELLED", "EXPIRED"]);
  });

  it("is the diagram that the README shows (node services/orchestrator/tools/draw-job-states.ts writes it)", () => {
    const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
    expect(readme).toContain(jobDiagram());
  });
});
