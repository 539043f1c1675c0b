import { parentPort } from "node:worker_threads";
import type { FromThread, ToThread } from "./thread-pool.ts";

/** What a thread's handler gets: ways to ask and to tell the main thread, and a signal that the job is no longer wanted. */
export type JobContext = {
  /** Rejects with `Unanswered` when the question fails; a job that throws that fails as the question did. */
  ask: (question: unknown) => Promise<unknown>;
  tell: (notice: unknown) => void;
  signal: AbortSignal;
};

/** A handler's value, with buffers that it gives away. */
export type JobResult = { value: unknown; transfer?: ArrayBuffer[] };

/** A question failed outside the thread; only there is it known how. */
export class Unanswered extends Error {
  readonly request: number;

  constructor(request: number) {
    super("a question of the thread failed");
    this.request = request;
  }
}

/** The inside of a `ThreadPool` thread: takes jobs one at a time and answers each. */
export function serveJobs(handle: (job: unknown, context: JobContext) => Promise<JobResult>): void {
  const port = parentPort;
  if (port === null) throw new Error("not a worker thread");
  let aborter = new AbortController();
  let currentId = -1;
  let nextRequest = 0;
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const send = (message: FromThread, transfer: ArrayBuffer[] = []): void =>
    port.postMessage(message, transfer);

  const run = async (id: number, job: unknown): Promise<void> => {
    aborter = new AbortController();
    currentId = id;
    const ask = (question: unknown): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const request = nextRequest++;
        waiting.set(request, { resolve, reject });
        send({ kind: "request", id, request, value: question });
      });
    const tell = (value: unknown): void => send({ kind: "notice", id, value });
    try {
      const { value, transfer } = await handle(job, { ask, tell, signal: aborter.signal });
      send({ kind: "result", id, value }, transfer);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const request = error instanceof Unanswered ? { request: error.request } : {};
      send({ kind: "failure", id, message, ...request });
    }
  };

  port.on("message", (message: ToThread) => {
    if (message.kind === "job") void run(message.id, message.job);
    else if (message.kind === "cancel") {
      if (message.id === currentId) aborter.abort();
    } else {
      const asker = waiting.get(message.request);
      waiting.delete(message.request);
      if (message.kind === "answer") asker?.resolve(message.value);
      else asker?.reject(new Unanswered(message.request));
    }
  });
}
