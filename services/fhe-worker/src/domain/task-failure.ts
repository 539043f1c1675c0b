/** Why a worker gave a task up, as the orchestrator is told. `retryable`: another try, or another worker, may succeed. */
export interface TaskFailure {
  readonly code: string;
  readonly retryable: boolean;
}

/** Faults of the worker's surroundings; every other code names a fault of the task's own inputs. */
const passing = new Set(["INPUT_UNREACHABLE", "OUTPUT_REFUSED", "WORKER_FAULT"]);

/** A wrong digest, a truncated container or a foreign context stays wrong however often it is read. */
export const taskFailure = (code: string): TaskFailure => ({ code, retryable: passing.has(code) });
