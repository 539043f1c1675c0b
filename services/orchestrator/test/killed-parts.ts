import type { MessageLog } from "@cos/messaging";
import type { Db, QueryResult, Row, SqlParam, Tx } from "@cos/store";

/** The process is gone: nothing that it does after this reaches anything. */
export class Killed extends Error {
  readonly code = "KILLED";
}

/**
 * Store and log as a process sees them that is killed at its `limit`-th statement: that one and all later ones fail,
 * the open transaction rolls back, nothing is published, and its subscriptions are cut off. What was committed stays.
 */
export function killedParts(
  { db, log }: { db: Db; log: MessageLog },
  limit: number,
): { db: Db; log: MessageLog; killed: Promise<void> } {
  let statements = 0;
  const { promise: killed, resolve } = Promise.withResolvers<void>();
  const count = () => {
    statements += 1;
    if (statements < limit) return;
    resolve();
    throw new Killed(`statement ${statements}`);
  };
  const counted =
    (target: { query: Tx["query"] }) =>
    async <R extends Row>(sql: string, params?: readonly SqlParam[]): Promise<QueryResult<R>> => {
      count();
      return target.query<R>(sql, params);
    };
  return {
    killed,
    log: {
      ...log,
      publish: async (messages) => {
        count();
        await log.publish(messages);
      },
      subscribe: async (options) => {
        const subscription = await log.subscribe(options);
        return { close: () => subscription.close({ drain: false }) };
      },
    },
    db: {
      schema: db.schema,
      query: counted(db),
      inTransaction: (work) =>
        db.inTransaction(async (tx) => {
          const value = await work({
            schema: tx.schema,
            query: counted(tx),
            notify: (channel) => tx.notify(channel),
          });
          count(); // the commit is a statement, too
          return value;
        }),
      migrate: (migrations) => db.migrate(migrations),
      tryLock: (name) => db.tryLock(name),
      listen: (channel, listener) => db.listen(channel, listener),
    },
  };
}
