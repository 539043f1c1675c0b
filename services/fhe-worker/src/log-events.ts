/** What a worker's log may say. */
export type WorkerLogEvent =
  | "worker.started"
  | "worker.stopped"
  | "worker.draining"
  | "worker.announce-failed"
  | "task.completed"
  | "task.failed"
  | "task.left"
  | "task.refused"
  | "consumer.trouble"
  | "rpc.bug";
