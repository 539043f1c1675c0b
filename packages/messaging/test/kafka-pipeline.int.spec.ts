import { TaskEvent } from "@cos/proto/compute";
import { appendOutbox, type Db, listDeadLetters, openPostgresStore, type Store } from "@cos/store";
import { createTestDatabase, realPart, tempFolder } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../../../tools/parts/cache-folder.ts";
import { type KafkaCluster, startKafkaCluster } from "../../../tools/parts/kafka-cluster.ts";
import {
  defineConsumer,
  defineTopic,
  done,
  type MessageLog,
  openKafkaLog,
  park,
  runConsumer,
  startOutboxRelay,
  toMessage,
} from "../src/index.ts";

const server = realPart("postgres");
const soon = { timeout: 90_000, interval: 50 };
const schema = "pipeline";

describe.skipIf(!server || !realPart("kafka"))("outbox, Kafka and inbox, twice each, on Postgres", () => {
  const ends: (() => Promise<unknown>)[] = [];
  let cluster: KafkaCluster;
  let url: string;

  beforeAll(async () => {
    const folder = await tempFolder("pipeline");
    ends.push(folder.remove);
    cluster = await startKafkaCluster(folder.path, cacheFolder());
    ends.push(cluster.stop);
    const database = await createTestDatabase(server!);
    ends.push(database.drop);
    url = database.url;
  });
  afterAll(async () => {
    for (const end of ends.reverse()) await end();
  });

  const topic = defineTopic({
    name: "pipeline.facts.v1",
    codec: TaskEvent,
    key: ({ event }) => String((event?.value.replica ?? 0) % 16),
  });
  const fact = (replica: number): TaskEvent => {
    const id = new Uint8Array(32);
    return { event: { $case: "taskQueued", value: { taskId: id, jobId: id, replica, inputBytes: 1n } } };
  };
  const steps = [
    { id: "1", sql: "CREATE TABLE fact (id int); CREATE TABLE effect (place bigserial, key int, id int)" },
  ];

  /** One replica of a service: its own pool and log, a relay and a consumer. */
  async function replica(): Promise<{ db: Db; log: MessageLog }> {
    const store: Store = openPostgresStore({ url, applicationName: "pipeline", migrations: "run" });
    const db = store.schema(schema);
    await db.migrate({ schema, steps });
    const log = await openKafkaLog({
      brokers: cluster.addresses,
      clientId: "pipeline",
      sessionTimeoutMs: 6_000,
      heartbeatMs: 500,
    });
    await log.declare(topic);
    const relay = startOutboxRelay({ db, publisher: log });
    const consumer = await runConsumer(
      defineConsumer({
        name: "pipeline.effects",
        topic,
        handle: async ({ event }, _delivery, tx) => {
          const id = event!.value.replica;
          await tx.query("INSERT INTO effect (key, id) VALUES ($1, $2)", [id % 16, id]);
          return id % 100 === 99 ? park("NOT_OURS") : done;
        },
      }),
      { log, db, maxInFlight: 4 },
    );
    ends.push(
      () => store.close(),
      () => log.close(),
      () => consumer.close(),
      () => relay.close(),
    );
    return { db, log };
  }

  it("a broker killed in between: each fact has one effect, in order by key, and poison lies parked", async () => {
    const [{ db, log }] = [await replica(), await replica()];
    const facts = 3_000;
    const produce = async (from: number, to: number): Promise<void> => {
      for (let id = from; id < to; id += 50) {
        const ids = Array.from({ length: 50 }, (_, at) => id + at);
        await db.inTransaction(async (tx) => {
          await tx.query("INSERT INTO fact SELECT unnest($1::int[])", [ids]);
          await appendOutbox(
            tx,
            ids.map((one) => toMessage(topic, fact(one), { messageId: `fact-${one}`, producer: "pipeline" })),
          );
        });
      }
    };
    const count = async (): Promise<number> =>
      Number((await db.query<{ n: bigint }>("SELECT count(*) AS n FROM effect")).rows[0]!.n);

    await produce(0, 1_000);
    await expect.poll(count, soon).toBeGreaterThan(100);
    const [broker] = cluster.brokers;
    await broker!.kill();
    await produce(1_000, 2_000); // the outbox takes what the broker cannot
    await broker!.start();
    await produce(2_000, facts);

    await expect.poll(count, soon).toBe(facts - facts / 100);
    await expect.poll(() => log.lag("pipeline.effects", topic.name), soon).toBe(0);
    const { rows } = await db.query<{ id: number; key: number }>("SELECT id, key FROM effect ORDER BY place");
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (let key = 0; key < 16; key += 1) {
      const ids = rows.filter((row) => row.key === key).map(({ id }) => id);
      expect(ids).toEqual([...ids].sort((a, b) => a - b));
    }
    const letters = await listDeadLetters(db, 1_000);
    expect(letters.map(({ messageId }) => messageId).sort()).toEqual(
      Array.from({ length: facts / 100 }, (_, at) => `fact-${at * 100 + 99}`).sort(),
    );
    expect(new Set(letters.map(({ reason }) => reason))).toEqual(new Set(["NOT_OURS"]));
  });
});
