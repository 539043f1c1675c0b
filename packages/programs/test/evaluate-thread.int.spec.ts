import type { Digest } from "@cos/protocol";
import { expect, it } from "vitest";
import { packagesLoadedBy } from "../../fhe/test/packages-loaded-by.ts";
import type { EvaluateJob } from "../src/evaluate/evaluation-pool.ts";
import type { TaskSpec } from "../src/plan/plan.ts";

it("loads no more than SEAL, what digests JSON and what reads heads of blocks", async () => {
  const digest = `0x${"0".repeat(64)}` as Digest;
  const estimate = { inputBytes: 0, outputBytes: 0, cost: 0 };
  const spec: TaskSpec = {
    taskId: digest,
    planDigest: digest,
    task: { kind: "reduce", index: 0, inputs: [], estimate },
    contexts: [],
    contractions: [],
  };
  const job: EvaluateJob = { kind: "reduce", spec, shared: false, partials: [] };
  const script = new URL("../src/evaluate/evaluate-thread.ts", import.meta.url);
  expect(await packagesLoadedBy(script, { engine: "wasm" }, job)).toEqual([
    "@noble/hashes",
    "canonicalize",
    "node-seal",
    "zod",
  ]);
});
