import type { TaskSpec } from "@cos/programs";
import { err, ok, type Result } from "@cos/protocol";

/**
 * The task that BeginTask describes. The orchestrator is trusted to be ours, so the shape is checked only as far as a
 * wrong version would break it.
 * @errors `TASK_MALFORMED` when it is no JSON, another task, or of a kind that this worker does not know
 */
export function readSpec(taskJson: string, taskId: string): Result<TaskSpec, { code: "TASK_MALFORMED" }> {
  let spec: TaskSpec;
  try {
    spec = JSON.parse(taskJson) as TaskSpec;
  } catch {
    return err({ code: "TASK_MALFORMED" });
  }
  const known = spec?.task?.kind === "evaluate" || spec?.task?.kind === "reduce";
  return known && spec.taskId === taskId ? ok(spec) : err({ code: "TASK_MALFORMED" });
}
