import { setTimeout as delay } from "node:timers/promises";
import {
  type Db,
  forgetRetriedLetters,
  forgetSentOutbox,
  markOutboxSent,
  outboxChannel,
  readOutbox,
  type StoreLock,
} from "@cos/store";
import type { Publisher } from "./message-log.ts";
import { within } from "./within.ts";

export type OutboxRelay = {
  /** Sends what is committed by now, for 10 s at most, then stops. What is left is sent by the next relay. */
  close(): Promise<void>;
};

/**
 * Sends a schema's committed outbox messages in their order, at least once: a crash between publishing and marking
 * sends again, under the same message id. Of the relays that several processes run for one schema one sends at a time,
 * which keeps the order; the others take over when it has ended.
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

  let lock: StoreLock | undefined;
  /** Whether it is this relay's turn to send. */
  const leads = async (): Promise<boolean> => {
    if (lock === undefined || lock.lost.aborted) lock = await db.tryLock(relayLock);
    return lock !== undefined;
  };

  const loop = async (): Promise<void> => {
    let failures = 0;
    let tidiedAt = -Infinity;
    while (!closing.signal.aborted) {
      wake = new AbortController();
      try {
        const leading = await leads();
        if (leading && (await sendBatch())) continue;
        failures = 0;
        if (leading && performance.now() - tidiedAt > tidyEveryMs) {
          await forgetSentOutbox(db, keepSentSeconds, { signal: closing.signal });
          await forgetRetriedLetters(db, keepRetriedSeconds, { signal: closing.signal });
          tidiedAt = performance.now();
        }
        // One that does not lead has nothing to do when messages come; it looks whether the leader is gone.
        const until = leading ? AbortSignal.any([wake.signal, closing.signal]) : closing.signal;
        await sleep(idlePollMs, until);
      } catch (error) {
        onFailure(error);
        failures += 1;
        await sleep(Math.min(5_000, 50 * 2 ** failures), closing.signal);
      }
    }
    try {
      if (await leads()) while (await sendBatch());
    } catch (error) {
      onFailure(error);
    }
  };

  const stopped = loop();
  return {
    close: async () => {
      closing.abort();
      await within(closeLimitMs, stopped);
      unlisten();
      await lock?.release();
    },
  };
}

const relayLock = "outbox-relay";
const closeLimitMs = 10_000;
const tidyEveryMs = 3_600_000;
/** For people who look into an incident; nothing reads them. */
const keepSentSeconds = 86_400;
const keepRetriedSeconds = 90 * 86_400;

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
