import { parseTaskSpec, type TaskSpec } from "@cos/programs";
import { err, ok, type Result } from "@cos/protocol";

/**
 * The task that BeginTask describes.
 * @errors `TASK_MALFORMED` when it is no task, or another one than the queue named
 */
export function readSpec(taskJson: string, taskId: string): Result<TaskSpec, { code: "TASK_MALFORMED" }> {
  const spec = parseTaskSpec(new TextEncoder().encode(taskJson));
  return spec.ok && spec.value.taskId === taskId ? ok(spec.value) : err({ code: "TASK_MALFORMED" });
}
