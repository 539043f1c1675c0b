import {
  appendOutbox,
  claimInbox,
  type Db,
  forgetInbox,
  forgetRetriedLetters,
  forgetSentOutbox,
  insertDeadLetter,
  listDeadLetters,
  markOutboxSent,
  type OutgoingMessage,
  readOutbox,
  retryDeadLetter,
  type Store,
} from "@cos/store";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

const daySeconds = 86_400;

/** What every store forgets of messages, and what it does not. `make` opens an empty one. */
export function housekeepingContract(make: () => Promise<{ store: Store; dispose(): Promise<void> }>): void {
  describe("old rows of messages", () => {
    let made: Awaited<ReturnType<typeof make>>;
    let db: Db;
    let turn = 0;
    beforeAll(async () => {
      made = await make();
    });
    afterAll(() => made.dispose());
    beforeEach(async () => {
      turn += 1;
      db = made.store.schema(`housekeeping_${turn}`);
      await db.migrate({ schema: db.schema, steps: [] });
    });

    const claim = (consumer: string, ...ids: string[]) =>
      db.inTransaction(async (tx) => {
        const fresh: boolean[] = [];
        for (const id of ids) fresh.push(await claimInbox(tx, consumer, id));
        return fresh;
      });
    const ageClaims = (days: number, like: string) =>
      db.query("UPDATE inbox SET claimed_at = now() - make_interval(days => $1) WHERE message_id LIKE $2", [
        days,
        like,
      ]);
    const claims = async () =>
      (
        await db.query<{ claim: string }>(
          "SELECT consumer || '/' || message_id AS claim FROM inbox ORDER BY 1",
        )
      ).rows.map((row) => row.claim);
    const message = (id: string): OutgoingMessage => ({
      topic: "t",
      key: "k",
      value: new Uint8Array(1),
      headers: { messageId: id, producer: "test", mode: "live" },
    });

    it("are forgotten by consumer and age: younger claims and those of others stay", async () => {
      await claim("one", "old-1", "old-2", "edge", "new");
      await claim("two", "old-1");
      await ageClaims(41, "old-%");
      await ageClaims(39, "edge");
      expect(await forgetInbox(db, "one", 40 * daySeconds)).toBe(2);
      expect(await claims()).toEqual(["one/edge", "one/new", "two/old-1"]);
      expect(await claim("one", "edge", "new")).toEqual([false, false]);
    });

    it("count from the last time that a message came", async () => {
      await claim("one", "again", "silent");
      await ageClaims(41, "%");
      expect(await claim("one", "again")).toEqual([false]); // delivered once more: not counted twice, but remembered
      expect(await forgetInbox(db, "one", 40 * daySeconds)).toBe(1);
      expect(await claims()).toEqual(["one/again"]);
    });

    it("go in small statements, however many there are", async () => {
      await db.query(
        "INSERT INTO inbox SELECT 'one', 'm' || n, now() - interval '9 days' FROM generate_series(1, 2345) n",
      );
      await claim("one", "fresh");
      expect(await forgetInbox(db, "one", 8 * daySeconds, { batch: 100 })).toBe(2_345);
      expect(await claims()).toEqual(["one/fresh"]);
      const stop = AbortSignal.abort();
      await ageClaims(9, "fresh");
      expect(await forgetInbox(db, "one", 8 * daySeconds, { signal: stop })).toBe(0);
    });

    it("that were sent go by the time of sending; what was not sent stays however old", async () => {
      await db.inTransaction((tx) => appendOutbox(tx, ["sent", "sent-now", "waits"].map(message)));
      const rows = await readOutbox(db, 10);
      await markOutboxSent(
        db,
        rows.slice(0, 2).map((row) => row.id),
      );
      await db.query("UPDATE outbox SET created_at = now() - interval '99 days'");
      await db.query(
        "UPDATE outbox SET sent_at = now() - interval '2 days' WHERE headers->>'messageId' = 'sent'",
      );
      expect(await forgetSentOutbox(db, daySeconds, { batch: 1 })).toBe(1);
      expect((await readOutbox(db, 10)).map((row) => row.headers.messageId)).toEqual(["waits"]);
      const { rows: left } = await db.query("SELECT headers->>'messageId' AS id FROM outbox ORDER BY id");
      expect(left).toEqual([{ id: "sent-now" }, { id: "waits" }]);
    });

    it("that a person retried go; dead letters that wait stay however old", async () => {
      await db.inTransaction(async (tx) => {
        for (const id of ["retried", "waits"])
          await insertDeadLetter(tx, { consumer: "one", reason: "BAD", message: message(id) });
      });
      const [first] = await listDeadLetters(db);
      await db.inTransaction((tx) => retryDeadLetter(tx, first?.id ?? 0n));
      await db.query(
        `UPDATE dead_letter SET created_at = now() - interval '99 days',
           retried_at = CASE WHEN retried_at IS NULL THEN NULL ELSE now() - interval '91 days' END`,
      );
      expect(await forgetRetriedLetters(db, 90 * daySeconds)).toBe(1);
      expect((await listDeadLetters(db)).map((letter) => letter.messageId)).toEqual(["waits"]);
    });
  });
}
