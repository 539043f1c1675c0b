import { expect, it } from "vitest";
import { defaultRetryPolicy, retryDelayMs } from "./retry-policy.ts";

it("doubles from the first delay up to the cap", () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8].map((attempt) => retryDelayMs(defaultRetryPolicy, attempt));
  expect(delays).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
  // seven waits lie between eight attempts
  expect(delays.slice(0, 7).reduce((sum, ms) => sum + ms)).toBe(11_300);
});
