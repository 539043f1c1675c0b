import { type Db, outboxStatus } from "@cos/store";
import type { Telemetry } from "./telemetry.ts";

/** Reads a schema's outbox and dead letters at each scrape. */
export function watchOutbox({ metrics }: Telemetry, db: Db): void {
  metrics.collect("outbox", async (set) => {
    const { unsent, oldestAgeS } = await outboxStatus(db);
    set("outboxUnsent", {}, unsent);
    set("outboxAge", {}, Math.max(0, oldestAgeS));
  });
  metrics.collect("dead-letters", async (set) => {
    const { rows } = await db.query<{ consumer: string; waiting: bigint }>(
      "SELECT consumer, count(*) FILTER (WHERE retried_at IS NULL) AS waiting FROM dead_letter GROUP BY consumer",
    );
    for (const { consumer, waiting } of rows) set("deadLetters", { consumer }, Number(waiting));
  });
}
