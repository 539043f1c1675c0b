import { workerData } from "node:worker_threads";
import type { EngineName } from "@cos/fhe";
import { digestedEntry, serveJobs } from "@cos/fhe/evaluation";
import { createEngine } from "@cos/fhe-native";
import type { ObjectRef } from "@cos/protocol";
import { ok } from "@cos/protocol/result";
import type { TaskSpec } from "../plan/plan.ts";
import type { ReadObject } from "./evaluate-error.ts";
import { evaluateEntries } from "./evaluate-task.ts";
import type { EvaluateJob, EvaluateQuestion } from "./evaluation-pool.ts";
import { reducePartials } from "./reduce-partials.ts";

const engine = createEngine((workerData as { engine: EngineName }).engine);

const free = (buffer: ArrayBufferLike): void => void (buffer as ArrayBuffer).transfer(0);

serveJobs(async (job, { ask, tell, signal }) => {
  const message = job as EvaluateJob;
  const asked = async (question: EvaluateQuestion) => (await ask(question)) as Uint8Array;
  const read: ReadObject = (ref: ObjectRef) => asked(ref);
  // Shared memory goes back. A copy came to this thread alone and is freed at once: the garbage collector would let
  // gigabytes pile up before it looked.
  const release = ({ buffer }: Uint8Array): void => {
    if (message.shared) tell(buffer);
    else free(buffer);
  };
  if (message.kind === "reduce") {
    const output = await reducePartials(await engine, message.spec, message.partials, read, {
      signal,
      release,
    });
    return output.ok
      ? { value: output, transfer: [...new Set(output.value.map(({ buffer }) => buffer))] }
      : { value: output };
  }
  const entries = await evaluateEntries(await engine, message.spec as TaskSpec, read, { signal, release });
  if (!entries.ok) return { value: entries };
  if (!message.shared)
    return { value: entries, transfer: entries.value.map((e) => e.packed.buffer as ArrayBuffer) };
  const memory = await asked({ memoryBytes: entries.value.reduce((sum, e) => sum + e.packed.length, 0) });
  let at = 0;
  const placed = entries.value.map((entry) => {
    const packed = memory.subarray(at, at + entry.packed.length);
    packed.set(entry.packed);
    free(entry.packed.buffer);
    at += packed.length;
    return digestedEntry({ ...entry, packed });
  });
  return { value: ok(placed) };
});
