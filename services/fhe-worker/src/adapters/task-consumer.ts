import { defineTaskConsumer, done, type TaskConsumer } from "@cos/messaging";
import type { TaskEvent } from "@cos/proto/compute";
import { asDigest, asPermitId } from "@cos/protocol";
import type { Logger } from "@cos/service-host";
import { taskEvents } from "@cos/topics";
import type { QueuedTask } from "../app/ports.ts";
import type { TaskOutcome } from "../app/run-task.ts";
import type { WorkerLogEvent } from "../log-events.ts";

const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

/**
 * Takes tasks of one region. The offset is committed when the task has ended, so that lag is outstanding work and a dead
 * worker's task comes back by itself. A task that another worker must do, or that this one hands back, is the
 * orchestrator's to publish again: its message is done with, and holds up none behind it.
 */
export function taskConsumer(parts: {
  readonly region: string;
  /** Partitions of the region's queue. */
  readonly partitions: number;
  readonly logger: Logger<WorkerLogEvent>;
  run(task: QueuedTask): Promise<TaskOutcome>;
}): TaskConsumer<TaskEvent> {
  return defineTaskConsumer({
    name: `fhe-worker.${parts.region}`,
    topic: taskEvents(parts.region, parts.partitions),
    handle: async ({ event }, delivery) => {
      if (event === undefined) throw new Error("the runner lets no unknown event pass");
      const task = {
        taskId: asDigest(hexOf(event.value.taskId)),
        jobId: asPermitId(hexOf(event.value.jobId)),
        replica: event.value.replica,
        partition: delivery.partition,
      };
      report(parts.logger, task, await parts.run(task));
      return done;
    },
  });
}

function report(logger: Logger<WorkerLogEvent>, task: QueuedTask, outcome: TaskOutcome): void {
  const ids = { taskId: task.taskId, jobId: task.jobId };
  if (outcome.kind === "COMPLETED") {
    const durationMs = Math.round(outcome.computeSeconds * 1000);
    logger.info("task.completed", { ...ids, sizeBytes: outcome.bytesRead, durationMs });
  } else if (outcome.kind === "REFUSED") {
    logger.warn("task.refused", { ...ids, code: outcome.code });
  } else if (outcome.kind === "FAILED") {
    logger.warn("task.failed", { ...ids, code: outcome.code });
  } else {
    logger.debug("task.left", { ...ids, reason: outcome.kind });
  }
}
