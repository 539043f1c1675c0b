/** Everything that the orchestrator logs. */
export type OrchestratorEvent =
  | "orchestrator.started"
  | "orchestrator.stopped"
  | "consumer.trouble"
  | "outbox.stuck"
  | "job.moved"
  | "job.plan-delayed"
  | "job.finish-delayed"
  | "loop.failed"
  | "tasks.reclaimed"
  | "tasks.raced"
  | "leases.forgiven"
  | "objects.deleted"
  | "rpc.bug";
