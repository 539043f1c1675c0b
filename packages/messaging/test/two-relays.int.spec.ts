import { appendOutbox, type Db, type OutboxRow, openPostgresStore, outboxStatus } from "@cos/store";
import { createTestDatabase, realPart } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startOutboxRelay } from "../src/index.ts";

const server = realPart("postgres");

describe.skipIf(server === undefined)("relays of two processes on one Postgres", () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  beforeAll(async () => {
    database = await createTestDatabase(server!);
  });
  afterAll(() => database?.drop());

  const open = (applicationName: string) =>
    openPostgresStore({ url: database.url, applicationName, migrations: "run" });
  /** Commits messages `writer:0`, `writer:1`, … one transaction after the other. */
  const write = async (db: Db, writer: string, count: number) => {
    for (let n = 0; n < count; n += 1) {
      const headers = { messageId: `${writer}:${n}`, producer: writer, mode: "live" } as const;
      const message = { topic: "t.v1", key: writer, headers, value: new Uint8Array([n]) };
      await db.inTransaction((tx) => appendOutbox(tx, [message]));
    }
  };
  const order = (sent: readonly OutboxRow[], writer: string) =>
    sent.filter(({ key }) => key === writer).map(({ headers }) => Number(headers.messageId.split(":")[1]));
  const count = (until: number) => Array.from({ length: until }, (_, n) => n);

  it("send every message once and in its writer's order, and go on when the one that sends ends or is cut off", async () => {
    const [one, two] = [open("relay-one"), open("relay-two")];
    const dbs = [one.schema("relays"), two.schema("relays")];
    await dbs[0]!.migrate({ schema: "relays", steps: [] });
    const sent: OutboxRow[] = [];
    const senders = new Set<number>();
    const relays = dbs.map((db, which) =>
      startOutboxRelay({
        db,
        batch: 20,
        idlePollMs: 50,
        publisher: {
          publish: async (rows) => {
            senders.add(which);
            for (const row of rows) {
              sent.push(row as OutboxRow);
              await new Promise((resolve) => setImmediate(resolve)); // lets the other relay in, if it could get in
            }
          },
        },
      }),
    );
    await Promise.all([write(dbs[0]!, "a", 150), write(dbs[1]!, "b", 150)]);
    await expect.poll(() => outboxStatus(dbs[0]!)).toMatchObject({ unsent: 0 });
    expect(senders.size).toBe(1);
    expect([order(sent, "a"), order(sent, "b")]).toEqual([count(150), count(150)]);

    const [leader] = senders;
    const other = dbs[1 - leader!]!;
    await relays[leader!]!.close();
    await write(other, "c", 100);
    await expect.poll(() => outboxStatus(other)).toMatchObject({ unsent: 0 });
    expect(senders.size).toBe(2);
    expect(order(sent, "c")).toEqual(count(100));

    // Every connection is cut, also the one that holds the lock.
    const ended = await other.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'relay-%' AND pid <> pg_backend_pid()`,
    );
    expect(ended.rowCount).toBeGreaterThan(0);
    await expect.poll(() => write(other, "d", 1).then(() => "written", String)).toBe("written");
    await expect.poll(() => outboxStatus(other).then(({ unsent }) => unsent, String)).toBe(0);
    await relays[1 - leader!]!.close();
    await Promise.all([one.close(), two.close()]);
  });
});
