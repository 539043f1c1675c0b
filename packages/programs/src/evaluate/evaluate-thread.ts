import { createWasmEngine, serveJobs } from "@cos/fhe";
import type { ObjectRef } from "@cos/protocol";
import type { TaskSpec } from "../plan/plan.ts";
import { evaluateEntries, type ReadObject, reducePartials } from "./evaluate-task.ts";
import type { EvaluateJob } from "./evaluation-pool.ts";

const engine = createWasmEngine();

serveJobs(async (job, { ask, signal }) => {
  const message = job as EvaluateJob;
  const read: ReadObject = async (ref: ObjectRef) => (await ask(ref)) as Uint8Array;
  if (message.kind === "reduce") {
    const output = await reducePartials(await engine, message.spec, message.partials, read, { signal });
    return output.ok ? { value: output, transfer: [output.value.buffer as ArrayBuffer] } : { value: output };
  }
  const entries = await evaluateEntries(await engine, message.spec as TaskSpec, read, { signal });
  return entries.ok
    ? { value: entries, transfer: entries.value.map((e) => e.packed.buffer as ArrayBuffer) }
    : { value: entries };
});
