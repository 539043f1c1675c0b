import { LeaseLost, type QueuedTask, type TaskApi } from "./ports.ts";

/**
 * Keeps a lease by heartbeats. `over` aborts when the job is over or another worker has the task; a heartbeat that gets
 * no answer is tried again at the next beat, because the lease outlasts several.
 */
export function keepLease(
  task: QueuedTask,
  fence: bigint,
  { tasks, heartbeatMs }: { tasks: Pick<TaskApi, "heartbeat">; heartbeatMs: number },
): { readonly over: AbortSignal; end(): void } {
  const gone = new AbortController();
  let beating = false;
  const beat = async () => {
    if (beating) return;
    beating = true;
    try {
      if (!(await tasks.heartbeat(task, fence))) gone.abort();
    } catch (error) {
      if (error instanceof LeaseLost) gone.abort();
    } finally {
      beating = false;
    }
  };
  const timer = setInterval(() => void beat(), heartbeatMs);
  return { over: gone.signal, end: () => clearInterval(timer) };
}
