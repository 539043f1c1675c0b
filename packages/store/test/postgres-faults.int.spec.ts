import { randomUUID } from "node:crypto";
import { realPart, tempFolder } from "@cos/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { cacheFolder } from "../../../tools/parts/cache-folder.ts";
import { type PostgresServer, runPostgres } from "../../../tools/parts/postgres.ts";
import {
  appendOutbox,
  type Db,
  openPostgresStore,
  type PostgresStoreOptions,
  type Store,
} from "../src/index.ts";

describe.skipIf(realPart("postgres") === undefined)("a Postgres that fails", () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let postgres: PostgresServer;
  const stores: Store[] = [];
  let db: Db;
  let turn = 0;

  const open = (options: Partial<PostgresStoreOptions> = {}): Store => {
    const store = openPostgresStore({
      url: postgres.url,
      applicationName: "faults",
      migrations: "run",
      pollMs: 100,
      ...options,
    });
    stores.push(store);
    return store;
  };
  beforeAll(async () => {
    folder = await tempFolder("pg-faults");
    postgres = await runPostgres(folder.path, cacheFolder());
  });
  afterAll(async () => {
    await postgres?.server.stop();
    await folder.remove();
  });
  beforeEach(async () => {
    turn += 1;
    const schema = `faults_${turn}`;
    db = open().schema(schema);
    await db.migrate({ schema, steps: [{ id: "1", sql: "CREATE TABLE fact (id uuid, half int)" }] });
  });
  afterEach(async () => {
    await postgres.server.thaw();
    await postgres.server.start();
    await Promise.all(stores.splice(0).map((store) => store.close()));
  });
  const otherStore = (options: Partial<PostgresStoreOptions> = {}): Db => open(options).schema(db.schema);

  /** Two rows and a message, or nothing. */
  const write = (id: string) =>
    db.inTransaction(async (tx) => {
      await tx.query("INSERT INTO fact VALUES ($1, 1)", [id]);
      const headers = { messageId: id, producer: "test", mode: "live" } as const;
      await appendOutbox(tx, [{ topic: "t.v1", key: "k", headers, value: new Uint8Array([1]) }]);
      await tx.query("INSERT INTO fact VALUES ($1, 2)", [id]);
    });

  it("keeps what it acknowledged, halves nothing, and serves again by itself, killed again and again", async () => {
    const acknowledged = new Set<string>();
    const doubtful = new Set<string>();
    const lost = new Set<string>();
    const codes = new Set<string>();
    let stopping = false;
    const writers = Array.from({ length: 6 }, async () => {
      while (!stopping) {
        const id = randomUUID();
        try {
          await write(id);
          acknowledged.add(id);
        } catch (error) {
          const { code } = error as { code: string };
          codes.add(code);
          (code === "STORE_IN_DOUBT" ? doubtful : lost).add(id);
          await new Promise((resolve) => setImmediate(resolve));
        }
      }
    });
    for (let kills = 1; kills <= 4; kills += 1) {
      const enough = acknowledged.size + 150;
      await expect.poll(() => acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(enough);
      await postgres.server.kill();
      await postgres.server.start();
    }
    const before = acknowledged.size;
    await expect.poll(() => acknowledged.size, { timeout: 30_000 }).toBeGreaterThan(before + 50);
    stopping = true;
    await Promise.all(writers);

    const { rows } = await db.query<{ id: string; halves: bigint; messages: bigint }>(
      `SELECT id::text, count(*) AS halves,
         (SELECT count(*) FROM outbox WHERE headers->>'messageId' = fact.id::text) AS messages
       FROM fact GROUP BY id`,
    );
    expect(rows.filter(({ halves, messages }) => halves !== 2n || messages !== 1n)).toEqual([]);
    const stored = new Set(rows.map(({ id }) => id));
    expect([...acknowledged].filter((id) => !stored.has(id))).toEqual([]);
    expect([...lost].filter((id) => stored.has(id))).toEqual([]);
    expect(lost.size + doubtful.size).toBeGreaterThan(0);
    expect([...codes].filter((code) => code !== "STORE_UNAVAILABLE" && code !== "STORE_IN_DOUBT")).toEqual(
      [],
    );
  });

  it("is told apart from a fault of the caller's while it is away", async () => {
    await postgres.server.kill();
    await expect(db.query("SELECT 1")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(write(randomUUID())).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(stores[0]!.ping()).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await postgres.server.start();
    await stores[0]!.ping();
    await write(randomUUID());
  });

  it("holds nobody for ever when it stops answering", async () => {
    const hasty = otherStore({ statementTimeoutMs: 1, connectTimeoutMs: 500, poolSize: 2 });
    await hasty.query("SELECT 1").catch(() => {}); // a connection that lies idle when the server freezes
    await postgres.server.freeze();
    await expect(hasty.query("SELECT 1")).rejects.toMatchObject({ code: "STORE_UNAVAILABLE" });
    await expect(hasty.inTransaction((tx) => tx.query("SELECT 1"))).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
    });
    await postgres.server.thaw();
    await otherStore().query("SELECT 1");
  });

  it("takes its locks with it when it goes, tells their holders, and gives them out again", async () => {
    const lock = await db.tryLock("relay");
    expect(await otherStore().tryLock("relay")).toBeUndefined();
    await postgres.server.kill();
    await expect.poll(() => lock!.lost.aborted).toBe(true);
    await lock!.release();
    await postgres.server.start();
    const next = await otherStore().tryLock("relay");
    expect(next?.lost.aborted).toBe(false);
    await next!.release();
  });

  it("wakes listeners again after it was away, for what happened meanwhile too", async () => {
    const far = otherStore({ pollMs: 50 });
    let calls = 0;
    far.listen("news", () => {
      calls += 1;
    });
    await (await far.tryLock("up"))!.release(); // its session is up
    await postgres.server.kill();
    const whenLost = calls;
    await expect.poll(() => calls).toBeGreaterThan(whenLost); // polled while nobody can be heard
    await postgres.server.start();
    await (await far.tryLock("up-again"))!.release();
    const whenBack = calls;
    await expect
      .poll(async () => {
        await db.inTransaction(async (tx) => tx.notify("news"));
        return calls;
      })
      .toBeGreaterThan(whenBack);
  });
});
