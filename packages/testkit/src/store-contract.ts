import {
  appendOutbox,
  claimInbox,
  type Db,
  defineMigrations,
  insertDeadLetter,
  listDeadLetters,
  type MigrationStep,
  markOutboxSent,
  type OutgoingMessage,
  outboxChannel,
  outboxStatus,
  readOutbox,
  retryDeadLetter,
  type Store,
} from "@cos/store";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

/** What every store does, embedded or not. `make` opens an empty one. */
export function storeContract(make: () => Promise<{ store: Store; dispose(): Promise<void> }>): void {
  describe("store", () => {
    let made: Awaited<ReturnType<typeof make>>;
    let db: Db;
    let turn = 0;

    beforeAll(async () => {
      made = await make();
    });
    afterAll(() => made.dispose());
    beforeEach(async () => {
      turn += 1;
      db = made.store.schema(`contract_${turn}`);
      await db.migrate(
        defineMigrations({
          schema: db.schema,
          steps: [{ id: "1", sql: "CREATE TABLE pair (id int, half text)" }],
        }),
      );
    });
    const rows = async (): Promise<unknown[]> =>
      (await db.query("SELECT id, half FROM pair ORDER BY id, half")).rows;

    describe("types", () => {
      it("keeps every digit of int8 and numeric, every bit of bytea, and the shape of jsonb", async () => {
        const instant = new Date("2026-01-02T03:04:05.678Z");
        const { rows: found } = await db.query(
          "SELECT $1::int8 AS a, $2::numeric AS b, $3::bytea AS c, $4::jsonb AS d, $5::timestamptz AS e, $6::int8[] AS f",
          [
            2n ** 63n - 1n,
            2n ** 255n,
            new Uint8Array([0, 255, 7]),
            { deep: [1, { x: "y" }] },
            instant,
            [1n, 2n],
          ],
        );
        expect(found).toEqual([
          {
            a: 9223372036854775807n,
            b: (2n ** 255n).toString(),
            c: Buffer.from([0, 255, 7]),
            d: { deep: [1, { x: "y" }] },
            e: instant,
            f: expect.anything(),
          },
        ]);
      });
    });

    describe("transactions", () => {
      it("commits what resolved and nothing of what threw", async () => {
        await db.inTransaction((tx) => tx.query("INSERT INTO pair VALUES (1, 'left')"));
        const failed = db.inTransaction(async (tx) => {
          await tx.query("INSERT INTO pair VALUES (2, 'left')");
          throw new Error("no");
        });
        await expect(failed).rejects.toThrow("no");
        expect(await rows()).toEqual([{ id: 1, half: "left" }]);
      });

      it("is fit for use after an SQL error inside a transaction and outside one", async () => {
        await expect(db.query("SELECT nothing_of_the_kind")).rejects.toMatchObject({ code: "42703" });
        const failed = db.inTransaction(async (tx) => {
          await tx.query("INSERT INTO pair VALUES (1, 'left')");
          await tx.query("SELECT nothing_of_the_kind");
        });
        await expect(failed).rejects.toMatchObject({ code: "42703" });
        await expect(db.query("SELECT $1::int", ["no number"])).rejects.toMatchObject({ code: "22P02" });
        expect(await rows()).toEqual([]);
      });

      it("does not take a transaction for committed whose SQL error was swallowed", async () => {
        const swallowed = db.inTransaction(async (tx) => {
          await tx.query("INSERT INTO pair VALUES (1, 'left')");
          await tx.query("SELECT nothing_of_the_kind").catch(() => {});
          return "fine";
        });
        await expect(swallowed).rejects.toMatchObject({ code: "STORE_ROLLED_BACK" });
        expect(await rows()).toEqual([]);
      });

      it("never mixes statements of transactions that run at once, in one schema or two", async () => {
        const other = made.store.schema(`contract_other_${turn}`);
        await other.migrate({
          schema: other.schema,
          steps: [{ id: "1", sql: "CREATE TABLE pair (id int, half text)" }],
        });
        await Promise.all(
          Array.from({ length: 40 }, async (_, id) => {
            const work = (id % 2 === 0 ? db : other).inTransaction(async (tx) => {
              await tx.query("INSERT INTO pair VALUES ($1, 'left')", [id]);
              await new Promise((resolve) => setImmediate(resolve));
              await tx.query("INSERT INTO pair VALUES ($1, 'right')", [id]);
              if (id % 4 === 0) throw new Error("rolled back");
            });
            await work.catch(() => {});
          }),
        );
        const expected = (ids: number[]) =>
          ids.flatMap((id) => [
            { id, half: "left" },
            { id, half: "right" },
          ]);
        const ids = Array.from({ length: 40 }, (_, id) => id).filter((id) => id % 4 !== 0);
        expect(await rows()).toEqual(expected(ids.filter((id) => id % 2 === 0)));
        const { rows: others } = await other.query("SELECT id, half FROM pair ORDER BY id, half");
        expect(others).toEqual(expected(ids.filter((id) => id % 2 === 1)));
      });

      it("refuses a statement beside its own transaction instead of waiting for itself", async () => {
        await expect(db.inTransaction(() => db.query("SELECT 1"))).rejects.toMatchObject({
          code: "STORE_NESTED",
        });
        await expect(db.inTransaction(() => db.inTransaction(async () => {}))).rejects.toMatchObject({
          code: "STORE_NESTED",
        });
        expect((await db.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
      });

      it("wakes listeners after a commit, once per channel, and never after a rollback", async () => {
        let woken = 0;
        const stop = db.listen("news", () => {
          woken += 1;
        });
        await db.inTransaction(async (tx) => {
          tx.notify("news");
          tx.notify("news");
          expect(woken).toBe(0);
        });
        expect(woken).toBe(1);
        const failed = db.inTransaction(async (tx) => {
          tx.notify("news");
          throw new Error("no");
        });
        await expect(failed).rejects.toThrow("no");
        stop();
        await db.inTransaction(async (tx) => tx.notify("news"));
        expect(woken).toBe(1);
      });
    });

    describe("migrations", () => {
      const step = (id: string, sql: string) => ({ id, sql });
      const first = step("a", "CREATE TABLE a (x int)");
      const second = step("b", "CREATE TABLE b (x int); INSERT INTO b VALUES (1)");

      it("run once each, in order, whoever asks", async () => {
        const fresh = made.store.schema(`contract_fresh_${turn}`);
        const all = { schema: fresh.schema, steps: [first, second] };
        await fresh.migrate({ schema: fresh.schema, steps: [first] });
        await Promise.all([fresh.migrate(all), fresh.migrate(all)]);
        expect((await fresh.query("SELECT x FROM b")).rows).toEqual([{ x: 1 }]);
      });

      it("refuse a step that changed, went or moved, and leave nothing of a step that fails", async () => {
        const fresh = made.store.schema(`contract_guard_${turn}`);
        const to = (...steps: { id: string; sql: string }[]) =>
          fresh.migrate({ schema: fresh.schema, steps });
        await to(first, second);
        const changed = { code: "MIGRATION_CHANGED" };
        await expect(to(first, step("b", "CREATE TABLE b (y int)"))).rejects.toMatchObject(changed);
        await expect(to(first)).rejects.toMatchObject({ code: "SCHEMA_NEWER" });
        await expect(to(second, first)).rejects.toMatchObject(changed);
        await expect(to(first, second, step("c", "CREATE TABLE c (x int); SELECT wrong"))).rejects.toThrow();
        await to(first, second, step("c", "CREATE TABLE c (x int)"));
      });
    });

    describe("migrations of two releases", () => {
      it("let the older one run on steps that say they are compatible with it, and on no others", async () => {
        const fresh = made.store.schema(`contract_release_${turn}`);
        const to = (...steps: MigrationStep[]) => fresh.migrate({ schema: fresh.schema, steps });
        const one = { id: "1", sql: "CREATE TABLE a (x int)" };
        const two = { id: "2", sql: "ALTER TABLE a ADD COLUMN y int", compatible: true };
        const three = { id: "3", sql: "ALTER TABLE a DROP COLUMN x" };
        await to(one, two);
        await to(one);
        await fresh.query("INSERT INTO a (x) VALUES (7)");
        await to(one, two, three);
        await expect(to(one)).rejects.toMatchObject({ code: "SCHEMA_NEWER" });
        await expect(to(one, two)).rejects.toMatchObject({ code: "SCHEMA_NEWER" });
      });
    });

    describe("locks", () => {
      it("have one holder at a time, by name and schema, until they are released", async () => {
        const other = made.store.schema(`contract_lock_${turn}`);
        const mine = await db.tryLock("relay");
        expect(mine?.lost.aborted).toBe(false);
        expect(await db.tryLock("relay")).toBeUndefined();
        const beside = await Promise.all([db.tryLock("sweeper"), other.tryLock("relay")]);
        expect(beside.every((lock) => lock !== undefined)).toBe(true);
        await mine!.release();
        await mine!.release();
        const next = await db.tryLock("relay");
        await mine!.release(); // what is released already takes nothing from the next holder
        expect([next === undefined, await db.tryLock("relay")]).toEqual([false, undefined]);
        await Promise.all([next, ...beside].map((lock) => lock!.release()));
      });
    });

    it("answers a ping", async () => {
      await made.store.ping();
    });

    describe("messages", () => {
      const message = (messageId: string): OutgoingMessage => ({
        topic: "t.v1",
        key: "k",
        headers: { messageId, producer: "test", mode: "live" },
        value: new Uint8Array([1, 2, 3]),
      });

      it("stand in the outbox with their transaction or not at all, in order, until they are marked", async () => {
        let woken = 0;
        const stop = db.listen(outboxChannel, () => {
          woken += 1;
        });
        await db.inTransaction((tx) => appendOutbox(tx, [message("1"), { ...message("2"), partition: 3 }]));
        const failed = db.inTransaction(async (tx) => {
          await appendOutbox(tx, [message("3")]);
          throw new Error("no");
        });
        await expect(failed).rejects.toThrow("no");
        stop();
        expect(woken).toBe(1);
        const waiting = await readOutbox(db, 10);
        expect(waiting.map(({ headers, partition }) => [headers.messageId, partition])).toEqual([
          ["1", undefined],
          ["2", 3],
        ]);
        expect(await outboxStatus(db)).toMatchObject({ unsent: 2 });
        await markOutboxSent(db, [waiting[0]!.id]);
        expect((await readOutbox(db, 10)).map(({ headers }) => headers.messageId)).toEqual(["2"]);
      });

      it("keep their order, bytes and headers however many one transaction sends", async () => {
        const many = Array.from({ length: 4_321 }, (_, at) => ({
          ...message(`"${at}"\\{}`),
          key: `key ${at % 7}, "quoted"`,
          ...(at % 2 === 0 ? { partition: at % 5 } : {}),
          value: at === 0 ? new Uint8Array() : new Uint8Array([0, 255, at % 256, 92, 34]),
        }));
        await db.inTransaction((tx) => appendOutbox(tx, many));
        const stored = await readOutbox(db, 10_000);
        expect(stored.map(({ id, ...row }) => ({ ...row, value: [...row.value] }))).toEqual(
          many.map((one) => ({ ...one, value: [...one.value] })),
        );
      });

      it("are claimed once per consumer; a claim rolled back is free again", async () => {
        const claim = (consumer: string) => db.inTransaction((tx) => claimInbox(tx, consumer, "m"));
        const failed = db.inTransaction(async (tx) => {
          await claimInbox(tx, "one", "m");
          throw new Error("no");
        });
        await expect(failed).rejects.toThrow("no");
        expect([await claim("one"), await claim("one"), await claim("two")]).toEqual([true, false, true]);
      });

      it("wait as dead letters and go out again with their claim given back", async () => {
        await db.inTransaction(async (tx) => {
          await claimInbox(tx, "one", "m");
          await insertDeadLetter(tx, { consumer: "one", reason: "BAD", message: message("m") });
        });
        const [letter] = await listDeadLetters(db);
        expect(letter).toMatchObject({ consumer: "one", messageId: "m", reason: "BAD", retriedAt: null });
        expect(await db.inTransaction((tx) => retryDeadLetter(tx, letter!.id))).toBe(true);
        expect(await db.inTransaction((tx) => retryDeadLetter(tx, letter!.id))).toBe(false);
        expect(await listDeadLetters(db)).toEqual([]);
        expect(await readOutbox(db, 10)).toMatchObject([{ headers: { messageId: "m", mode: "replay" } }]);
        expect(await db.inTransaction((tx) => claimInbox(tx, "one", "m"))).toBe(true);
      });
    });
  });
}
