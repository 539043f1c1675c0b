import { chooseTasks } from "../domain/choose-tasks.ts";
import type { Announcer, Clock, InTransaction, TaskRecords } from "./ports.ts";

export type DispatchDeps = {
  readonly tasks: TaskRecords;
  readonly announcer: Announcer;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
  readonly maxOutstandingPerGrantee: number;
};

/** Publishes what fairness lets out now. @returns how many messages */
export async function dispatchTasks(deps: DispatchDeps): Promise<number> {
  return deps.inTransaction(async (tx) => {
    const now = deps.now();
    const maxOutstanding = deps.maxOutstandingPerGrantee;
    const queue = await deps.tasks.queue(tx, now, maxOutstanding);
    const { chosen, lastServed } = chooseTasks({ ...queue, maxOutstanding });
    if (chosen.length === 0) return 0;
    await deps.tasks.markQueued(tx, chosen, now, lastServed);
    for (const replica of chosen) await deps.announcer.taskQueued(tx, replica);
    return chosen.length;
  });
}
