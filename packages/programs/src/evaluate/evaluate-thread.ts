import { workerData } from "node:worker_threads";
import { type EngineName, serveJobs } from "@cos/fhe";
import { createEngine } from "@cos/fhe-native";
import type { ObjectRef } from "@cos/protocol";
import type { TaskSpec } from "../plan/plan.ts";
import type { ReadObject } from "./evaluate-error.ts";
import { evaluateEntries } from "./evaluate-task.ts";
import type { EvaluateJob } from "./evaluation-pool.ts";
import { reducePartials } from "./reduce-partials.ts";

const engine = createEngine((workerData as { engine: EngineName }).engine);

serveJobs(async (job, { ask, signal }) => {
  const message = job as EvaluateJob;
  const read: ReadObject = async (ref: ObjectRef) => (await ask(ref)) as Uint8Array;
  if (message.kind === "reduce") {
    const output = await reducePartials(await engine, message.spec, message.partials, read, { signal });
    return output.ok ? { value: output, transfer: [output.value.buffer as ArrayBuffer] } : { value: output };
  }
  // A block came to this thread alone. The garbage collector would let gigabytes pile up before it looked.
  const release = ({ buffer }: Uint8Array): void => void (buffer as ArrayBuffer).transfer(0);
  const entries = await evaluateEntries(await engine, message.spec as TaskSpec, read, { signal, release });
  return entries.ok
    ? { value: entries, transfer: entries.value.map((e) => e.packed.buffer as ArrayBuffer) }
    : { value: entries };
});
