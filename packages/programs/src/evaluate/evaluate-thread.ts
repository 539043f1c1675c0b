import { workerData } from "node:worker_threads";
import type { EngineName, JobContext, JobResult } from "@cos/fhe";
import { digestedEntry, serveJobs } from "@cos/fhe/evaluation";
import { createEngine } from "@cos/fhe-native";
import type { ObjectRef } from "@cos/protocol";
import { ok } from "@cos/protocol/result";
import { needOrder } from "../plan/need-order.ts";
import type { ByteSpan } from "./evaluate-error.ts";
import { evaluateEntries } from "./evaluate-task.ts";
import type { EvaluateJob, EvaluateQuestion } from "./evaluation-pool.ts";
import { oneAhead } from "./one-ahead.ts";
import { partedPieces, reduceInParts } from "./reduce-in-parts.ts";
import { reducePartials } from "./reduce-partials.ts";

const engine = createEngine((workerData as { engine: EngineName }).engine);

const free = (buffer: ArrayBufferLike): void => void (buffer as ArrayBuffer).transfer(0);

serveJobs((job, context) => {
  const message = job as EvaluateJob;
  const ask = async (question: EvaluateQuestion) => (await context.ask(question)) as Uint8Array;
  // Shared memory goes back. A copy came to this thread alone and is freed at once: the garbage collector would let
  // gigabytes pile up before it looked.
  const release = ({ buffer }: Uint8Array): void => {
    if (message.shared) context.tell(buffer);
    else free(buffer);
  };
  const tools = { ask, signal: context.signal, release };
  switch (message.kind) {
    case "evaluate":
      return evaluate(message, tools);
    case "reduce":
      return reduce(message, tools);
    case "reduce in parts":
    case "pieces":
      return inParts(message, tools);
  }
});

type Job<Kind> = Extract<EvaluateJob, { kind: Kind }>;
type Tools = {
  ask: (question: EvaluateQuestion) => Promise<Uint8Array>;
  signal: JobContext["signal"];
  release: (bytes: Uint8Array) => void;
};

async function evaluate({ spec, shared }: Job<"evaluate">, tools: Tools): Promise<JobResult> {
  const { ask, release } = tools;
  const { read, end } = oneAhead(needOrder(spec, []), ask, release);
  const entries = await evaluateEntries(await engine, spec, read, tools).finally(end);
  if (!entries.ok) return { value: entries };
  if (!shared) return { value: entries, transfer: entries.value.map((e) => e.packed.buffer as ArrayBuffer) };
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
}

async function reduce({ spec, partials }: Job<"reduce">, tools: Tools): Promise<JobResult> {
  const { read, end } = oneAhead(needOrder(spec, partials), tools.ask, tools.release);
  const output = await reducePartials(await engine, spec, partials, read, tools).finally(end);
  return output.ok
    ? { value: output, transfer: [...new Set(output.value.map(({ buffer }) => buffer))] }
    : { value: output };
}

async function inParts(message: Job<"reduce in parts" | "pieces">, tools: Tools): Promise<JobResult> {
  const { spec, partials } = message;
  const read = (object: ObjectRef, span: ByteSpan) => tools.ask({ object, span });
  if (message.kind === "reduce in parts") {
    return { value: await reduceInParts(await engine, spec, partials, read, tools) };
  }
  for await (const pieces of partedPieces(await engine, spec, partials, message.parted, read, tools)) {
    if (!pieces.ok) return { value: pieces };
    await tools.ask({ pieces: pieces.value });
  }
  return { value: ok(null) };
}
