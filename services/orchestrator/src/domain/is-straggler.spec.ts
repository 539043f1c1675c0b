import { expect, it } from "vitest";
import { isStraggler, racesAllowed } from "./is-straggler.ts";

const slow = (over: Partial<Parameters<typeof isStraggler>[0]>) =>
  isStraggler({
    elapsedSeconds: 0,
    cost: 100,
    medianPace: undefined,
    plannedPace: 0.1,
    factor: 3,
    minSeconds: 15,
    ...over,
  });

it("calls a task slow that takes longer than the factor allows, by its plan while nothing better is known", () => {
  expect(slow({ elapsedSeconds: 30 })).toBe(false); // 3 x 100 x 0.1
  expect(slow({ elapsedSeconds: 31 })).toBe(true);
});

it("goes by how fast its like were, as soon as one of them is done", () => {
  expect(slow({ elapsedSeconds: 59, medianPace: 0.2 })).toBe(false);
  expect(slow({ elapsedSeconds: 61, medianPace: 0.2 })).toBe(true);
  expect(slow({ elapsedSeconds: 20, medianPace: 0.06 })).toBe(true); // 18 s would have been well
});

it("lets short tasks vary", () => {
  expect(slow({ elapsedSeconds: 15, medianPace: 0.001 })).toBe(false);
  expect(slow({ elapsedSeconds: 16, medianPace: 0.001 })).toBe(true);
});

it("races a tenth of what runs, at least one", () => {
  expect([0, 1, 19, 20, 64].map(racesAllowed)).toEqual([1, 1, 1, 2, 6]);
});
