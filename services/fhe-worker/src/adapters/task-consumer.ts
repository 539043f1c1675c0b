import { setTimeout as delay } from "node:timers/promises";
import { defineTaskConsumer, done, type MessageLog, type TaskConsumer, toMessage } from "@cos/messaging";
import type { TaskEvent } from "@cos/proto/compute";
import { asDigest, asPermitId } from "@cos/protocol";
import type { Logger } from "@cos/service-host";
import { taskEvents } from "@cos/topics";
import type { QueuedTask } from "../app/ports.ts";
import type { TaskOutcome } from "../app/run-task.ts";
import type { WorkerLogEvent } from "../log-events.ts";

/** Before a task is handed on to another worker. */
const handOnAfterMs = 150;

const hexOf = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

/**
 * Takes tasks of one region. The offset is committed when the task has ended, so that lag is outstanding work and a dead
 * worker's task comes back by itself. A task that another worker must do is published again to the next partition, so that
 * it neither blocks this one nor stays with a member that may not run it.
 */
export function taskConsumer(parts: {
  readonly region: string;
  readonly log: MessageLog;
  readonly logger: Logger<WorkerLogEvent>;
  run(task: QueuedTask, stop: AbortSignal): Promise<TaskOutcome>;
}): TaskConsumer<TaskEvent> {
  const topic = taskEvents(parts.region);
  return defineTaskConsumer({
    name: `fhe-worker.${parts.region}`,
    topic,
    handle: async ({ event }, delivery) => {
      if (event === undefined) throw new Error("the runner lets no unknown event pass");
      const task = {
        taskId: asDigest(hexOf(event.value.taskId)),
        jobId: asPermitId(hexOf(event.value.jobId)),
      };
      const outcome = await parts.run(task, delivery.signal);
      report(parts.logger, task, outcome);
      if (outcome.kind === "LATER") {
        await delay(handOnAfterMs, undefined, { signal: delivery.signal }).catch(() => {});
        const partition = (delivery.partition + 1) % topic.partitions;
        const headers = { messageId: delivery.messageId, producer: "fhe-worker" };
        await parts.log.publish([toMessage(topic, { event }, headers, { partition })]);
      }
      return done;
    },
  });
}

function report(logger: Logger<WorkerLogEvent>, task: QueuedTask, outcome: TaskOutcome): void {
  const ids = { taskId: task.taskId, jobId: task.jobId };
  if (outcome.kind === "COMPLETED") {
    const durationMs = Math.round(outcome.computeSeconds * 1000);
    logger.info("task.completed", { ...ids, sizeBytes: outcome.bytesRead, durationMs });
  } else if (outcome.kind === "FAILED") {
    logger.warn("task.failed", { ...ids, code: outcome.code });
  } else {
    logger.debug("task.left", { ...ids, reason: outcome.kind });
  }
}
