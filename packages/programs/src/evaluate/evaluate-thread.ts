import { workerData } from "node:worker_threads";
import type { EngineName } from "@cos/fhe";
import { digestedEntry, serveJobs } from "@cos/fhe/evaluation";
import { createEngine } from "@cos/fhe-native";
import { ok } from "@cos/protocol/result";
import { needOrder } from "../plan/need-order.ts";
import { evaluateEntries } from "./evaluate-task.ts";
import type { EvaluateJob, EvaluateQuestion } from "./evaluation-pool.ts";
import { oneAhead } from "./one-ahead.ts";
import { reducePartials } from "./reduce-partials.ts";

const engine = createEngine((workerData as { engine: EngineName }).engine);

const free = (buffer: ArrayBufferLike): void => void (buffer as ArrayBuffer).transfer(0);

serveJobs(async (job, context) => {
  const message = job as EvaluateJob;
  const { tell, signal } = context;
  const ask = async (question: EvaluateQuestion) => (await context.ask(question)) as Uint8Array;
  // Shared memory goes back. A copy came to this thread alone and is freed at once: the garbage collector would let
  // gigabytes pile up before it looked.
  const release = ({ buffer }: Uint8Array): void => {
    if (message.shared) tell(buffer);
    else free(buffer);
  };
  const { spec } = message;
  const inputs = message.kind === "reduce" ? message.partials : [];
  const { read, end } = oneAhead(needOrder(spec, inputs), ask, release);
  if (message.kind === "reduce") {
    const output = await reducePartials(await engine, spec, inputs, read, { signal, release }).finally(end);
    return output.ok
      ? { value: output, transfer: [...new Set(output.value.map(({ buffer }) => buffer))] }
      : { value: output };
  }
  const entries = await evaluateEntries(await engine, spec, read, { signal, release }).finally(end);
  if (!entries.ok) return { value: entries };
  if (!message.shared)
    return { value: entries, transfer: entries.value.map((e) => e.packed.buffer as ArrayBuffer) };
  const memory = await ask({ memoryBytes: entries.value.reduce((sum, e) => sum + e.packed.length, 0) });
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
