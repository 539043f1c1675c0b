import { createTestDatabase, housekeepingContract, realPart, storeContract } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { forgetInbox, openPostgresStore, type PostgresStoreOptions, type Store } from "../src/index.ts";

const server = realPart("postgres");

describe.skipIf(server === undefined)("Postgres", () => {
  const empty = async () => {
    const database = await createTestDatabase(server!);
    const store = openPostgresStore({
      url: database.url,
      applicationName: "contract",
      migrations: "run",
      poolSize: 8,
    });
    const dispose = async () => {
      await store.close();
      await database.drop();
    };
    return { store, dispose };
  };
  storeContract(empty);
  housekeepingContract(empty);

  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  const stores: Store[] = [];
  const open = (options: Partial<PostgresStoreOptions> = {}): Store => {
    const store = openPostgresStore({
      url: database.url,
      applicationName: "test",
      migrations: "run",
      ...options,
    });
    stores.push(store);
    return store;
  };
  beforeAll(async () => {
    database = await createTestDatabase(server!);
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await database?.drop();
  });

  const steps = [{ id: "1", sql: "CREATE TABLE account (id int PRIMARY KEY, amount int NOT NULL)" }];
  const migrated = async (store: Store, schema: string) => {
    const db = store.schema(schema);
    await db.migrate({ schema, steps });
    return db;
  };

  it("does not wait for claims that a transaction holds when old ones are forgotten", async () => {
    const db = await migrated(open(), "held");
    await db.query(
      "INSERT INTO inbox SELECT 'one', 'm' || n, now() - interval '9 days' FROM generate_series(1, 5) n",
    );
    const [isHeld, letGo] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const holding = db.inTransaction(async (tx) => {
      await tx.query("SELECT FROM inbox WHERE message_id = 'm3' FOR UPDATE");
      isHeld.resolve();
      await letGo.promise;
    });
    await isHeld.promise;
    expect(await forgetInbox(db, "one", 86_400)).toBe(4);
    letGo.resolve();
    await holding;
    const { rows } = await db.query("SELECT message_id FROM inbox");
    expect(rows).toEqual([{ message_id: "m3" }]);
  });

  it("refuses to work on a schema whose migrations were not run, and works when a command has run them", async () => {
    const service = open({ migrations: "check" }).schema("checked");
    await expect(service.migrate({ schema: "checked", steps })).rejects.toMatchObject({
      code: "SCHEMA_OLDER",
    });
    await migrated(open(), "checked");
    await service.migrate({ schema: "checked", steps });
    const newer = [...steps, { id: "2", sql: "SELECT 1" }];
    await expect(service.migrate({ schema: "checked", steps: newer })).rejects.toMatchObject({
      code: "SCHEMA_OLDER",
    });
  });

  it("runs migrations once when several processes begin them together", async () => {
    const many = Array.from({ length: 6 }, () => open({ poolSize: 2 }));
    const slow = [...steps, { id: "2", sql: "INSERT INTO account SELECT 1, 1; SELECT pg_sleep(0.2)" }];
    await Promise.all(
      many.map((store) => store.schema("together").migrate({ schema: "together", steps: slow })),
    );
    expect((await many[0]!.schema("together").query("SELECT id FROM account")).rows).toEqual([{ id: 1 }]);
  });

  it("runs a transaction again that another has locked out", async () => {
    const db = await migrated(open({ poolSize: 4 }), "deadlock");
    await db.query("INSERT INTO account VALUES (1, 0), (2, 0)");
    let runs = 0;
    const inOrder = (first: number, second: number) =>
      db.inTransaction(async (tx) => {
        runs += 1;
        await tx.query("UPDATE account SET amount = amount + 1 WHERE id = $1", [first]);
        await meet.arrive();
        await tx.query("UPDATE account SET amount = amount + 1 WHERE id = $1", [second]);
      });
    const meet = meeting(2);
    await Promise.all([inOrder(1, 2), inOrder(2, 1)]);
    expect(runs).toBeGreaterThan(2); // two that met, and the one of them that Postgres broke off
    expect((await db.query("SELECT amount FROM account ORDER BY id")).rows).toEqual([
      { amount: 2 },
      { amount: 2 },
    ]);
  });

  it("says that it is busy when every connection is, and serves the next when one is free", async () => {
    const db = await migrated(open({ poolSize: 1, connectTimeoutMs: 300 }), "busy");
    let finish = () => {};
    const until = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const begun = meeting(1);
    const holding = db.inTransaction(async (tx) => {
      await tx.query("SELECT 1");
      void begun.arrive();
      await until;
    });
    await begun.met;
    await expect(db.query("SELECT 1")).rejects.toMatchObject({ code: "STORE_BUSY" });
    finish();
    await holding;
    expect((await db.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });

  it("breaks off a statement that takes too long, and nothing of its transaction stands", async () => {
    const db = await migrated(open({ statementTimeoutMs: 200 }), "slow");
    const slow = db.inTransaction(async (tx) => {
      await tx.query("INSERT INTO account VALUES (1, 1)");
      await tx.query("SELECT pg_sleep(60)");
    });
    await expect(slow).rejects.toMatchObject({ code: "STORE_TIMEOUT" });
    expect((await db.query("SELECT * FROM account")).rows).toEqual([]);
  });

  it("wakes listeners of other processes, and those of the own once", async () => {
    const far = open({ pollMs: 3_600_000 }).schema("wake");
    const up = meeting(1);
    const near = await migrated(open({ pollMs: 3_600_000, onSession: () => void up.arrive() }), "wake");
    let here = 0;
    const heard = meeting(2); // the call when the session came up, and the one for the news
    near.listen("news", () => {
      here += 1;
    });
    await up.met;
    const sessionUp = here;
    far.listen("news", () => void heard.arrive());
    const farLock = await far.tryLock("any"); // resolves when the far session is up
    await near.inTransaction(async (tx) => tx.notify("news"));
    await heard.met;
    expect(here - sessionUp).toBe(1);
    await farLock!.release();
  });

  it("gives a lock to one of two processes, and to the other when the first has let go or ended", async () => {
    const [first, second] = [open(), open()];
    const lock = await first.schema("lead").tryLock("relay");
    expect(await second.schema("lead").tryLock("relay")).toBeUndefined();
    await lock!.release();
    const next = await second.schema("lead").tryLock("relay");
    expect(next).toBeDefined();
    expect(await first.schema("lead").tryLock("relay")).toBeUndefined();
    await second.close();
    expect(next!.lost.aborted).toBe(true);
    await expect.poll(() => first.schema("lead").tryLock("relay")).toBeDefined();
  });

  it("refuses URLs that would mean more than they say", () => {
    for (const url of [
      "mysql://a:b@h/d",
      "postgres://h/d",
      "postgres://a:b@h",
      "postgres://a:b@h/d?sslmode=require",
      "postgres://a:b@h/d?sslmode=verify-full&sslrootcert=x",
    ]) {
      expect(() => openPostgresStore({ url, applicationName: "test" })).toThrow(TypeError);
    }
  });
});

/** Resolves for all when so many have arrived. */
function meeting(count: number): { arrive(): Promise<void>; met: Promise<void> } {
  let left = count;
  let open = () => {};
  const met = new Promise<void>((resolve) => {
    open = resolve;
  });
  const arrive = () => {
    left -= 1;
    if (left <= 0) open();
    return met;
  };
  return { arrive, met };
}
