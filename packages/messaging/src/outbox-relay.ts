import { setTimeout as delay } from "node:timers/promises";
import { type Db, forgetSentOutbox, markOutboxSent, outboxChannel, readOutbox } from "@cos/store";
import type { Publisher } from "./message-log.ts";

export type OutboxRelay = {
  /** Sends what is committed by now, then stops. */
  close(): Promise<void>;
};

/**
 * Sends a schema's committed outbox messages in their order, at least once: a crash between publishing and marking
 * sends again, under the same message id. One relay per schema at a time keeps the order.
 * @param options.idlePollMs looks again this often without being woken, for rows that another process committed
 */
export function startOutboxRelay(options: {
  readonly db: Db;
  readonly publisher: Publisher;
  readonly batch?: number;
  readonly idlePollMs?: number;
  readonly onFailure?: (error: unknown) => void;
}): OutboxRelay {
  const { db, publisher, batch = 256, idlePollMs = 2_000, onFailure = () => {} } = options;
  const closing = new AbortController();
  let wake = new AbortController();
  const unlisten = db.listen(outboxChannel, () => wake.abort());

  /** @returns whether a full batch suggests that more is waiting */
  const sendBatch = async (): Promise<boolean> => {
    const rows = await readOutbox(db, batch);
    if (rows.length === 0) return false;
    await publisher.publish(rows);
    await markOutboxSent(
      db,
      rows.map((row) => row.id),
    );
    return rows.length === batch;
  };

  const loop = async (): Promise<void> => {
    let failures = 0;
    let tidiedAt = -Infinity;
    while (!closing.signal.aborted) {
      wake = new AbortController();
      try {
        if (await sendBatch()) continue;
        failures = 0;
        if (performance.now() - tidiedAt > tidyEveryMs) {
          await forgetSentOutbox(db);
          tidiedAt = performance.now();
        }
        await sleep(idlePollMs, AbortSignal.any([wake.signal, closing.signal]));
      } catch (error) {
        onFailure(error);
        failures += 1;
        await sleep(Math.min(5_000, 50 * 2 ** failures), closing.signal);
      }
    }
    while (await sendBatch());
  };

  const stopped = loop();
  return {
    close: async () => {
      closing.abort();
      await stopped.finally(unlisten);
    },
  };
}

const tidyEveryMs = 3_600_000;

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
