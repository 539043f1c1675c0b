import { setTimeout as delay } from "node:timers/promises";
import { LeaseLost, type QueuedTask, type TaskApi } from "./ports.ts";

/**
 * Keeps a lease by heartbeats. `over` aborts when the job is over or another worker has the task. One heartbeat is always
 * under way: the orchestrator answers it after `heartbeatMs`, or as soon as the task is not wanted. One that fails is
 * tried again at the next beat, because the lease outlasts several.
 */
export function keepLease(
  task: QueuedTask,
  fence: bigint,
  { tasks, heartbeatMs }: { tasks: Pick<TaskApi, "heartbeat">; heartbeatMs: number },
): { readonly over: AbortSignal; end(): void } {
  const gone = new AbortController();
  const ended = new AbortController();
  const beat = async () => {
    try {
      if (!(await tasks.heartbeat(task, fence, heartbeatMs))) gone.abort();
    } catch (error) {
      if (error instanceof LeaseLost) gone.abort();
    }
  };
  const run = async () => {
    while (!gone.signal.aborted && !ended.signal.aborted) {
      const next = delay(heartbeatMs, undefined, { signal: ended.signal }).catch(() => {});
      await beat();
      // An answer that did not wait, and one that failed, come no more often than the others.
      if (!gone.signal.aborted) await next;
    }
  };
  void run();
  return { over: gone.signal, end: () => ended.abort() };
}
