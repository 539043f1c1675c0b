import { parentPort } from "node:worker_threads";
import type { FromThread, ToThread } from "./thread-pool.ts";

/** What a thread's handler gets: ways to ask and to tell the main thread, and a signal that the job is no longer wanted. */
export type JobContext = {
  ask: (question: unknown) => Promise<unknown>;
  tell: (notice: unknown) => void;
  signal: AbortSignal;
};

/** A handler's value, with buffers that it gives away. */
export type JobResult = { value: unknown; transfer?: ArrayBuffer[] };

/** The inside of a `ThreadPool` thread: takes jobs one at a time and answers each. */
export function serveJobs(handle: (job: unknown, context: JobContext) => Promise<JobResult>): void {
  const port = parentPort;
  if (port === null) throw new Error("not a worker thread");
  let aborter = new AbortController();
  let currentId = -1;
  let nextRequest = 0;
  const waiting = new Map<number, (value: unknown) => void>();
  const send = (message: FromThread, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(message, transfer);

  const run = async (id: number, job: unknown): Promise<void> => {
    aborter = new AbortController();
    currentId = id;
    const ask = (question: unknown): Promise<unknown> =>
      new Promise((resolve) => {
        const request = nextRequest++;
        waiting.set(request, resolve);
        send({ kind: "request", id, request, value: question });
      });
    const tell = (value: unknown): void => send({ kind: "notice", id, value });
    try {
      const { value, transfer } = await handle(job, { ask, tell, signal: aborter.signal });
      send({ kind: "result", id, value }, transfer);
    } catch (error) {
      send({ kind: "failure", id, message: error instanceof Error ? error.message : String(error) });
    }
  };

  port.on("message", (message: ToThread) => {
    if (message.kind === "job") void run(message.id, message.job);
    else if (message.kind === "cancel" && message.id === currentId) aborter.abort();
    else if (message.kind === "answer") {
      waiting.get(message.request)?.(message.value);
      waiting.delete(message.request);
    }
  });
}
