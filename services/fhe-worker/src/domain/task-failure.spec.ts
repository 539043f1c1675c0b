import { expect, it } from "vitest";
import { taskFailure } from "./task-failure.ts";

it("calls a tampered input final and an unreachable one passing", () => {
  expect(taskFailure("OBJECT_DIGEST_MISMATCH")).toEqual({ code: "OBJECT_DIGEST_MISMATCH", retryable: false });
  expect(taskFailure("CONTEXT_MISMATCH").retryable).toBe(false);
  expect(taskFailure("INPUT_UNREACHABLE").retryable).toBe(true);
});
