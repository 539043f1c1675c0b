import { TaskEvent } from "@cos/proto/compute";
import { appendOutbox, openEmbeddedStore, type Tx } from "@cos/store";
import {
  defineConsumer,
  defineTopic,
  done,
  openEmbeddedLog,
  runConsumers,
  startOutboxRelay,
  toMessage,
} from "../src/index.ts";

/**
 * A small platform: facts are produced, a first consumer turns each into an effect and a message, a second turns that
 * into another effect. `work` produces until it is killed and reports each second effect; `drain` only finishes.
 */
const [dataDir, mode] = process.argv.slice(2);
const store = await openEmbeddedStore({ dataDir: dataDir! });
const db = store.schema("chain_of_three");
await db.migrate({
  schema: db.schema,
  steps: [
    { id: "1", sql: "CREATE TABLE fact (id int); CREATE TABLE first (id int); CREATE TABLE second (id int)" },
  ],
});
const log = await openEmbeddedLog({ store, duplicateDeliveries: true });
const key = ({ event }: TaskEvent): string => String(event?.value.replica);
const facts = defineTopic({ name: "kill.facts.v1", codec: TaskEvent, key });
const effects = defineTopic({ name: "kill.effects.v1", codec: TaskEvent, key });
const bytes = new Uint8Array(32);
const eventOf = (id: number): TaskEvent => ({
  event: { $case: "taskQueued", value: { taskId: bytes, jobId: bytes, replica: id, inputBytes: 0n } },
});
const sendOn = (tx: Tx, topic: typeof facts, id: number): Promise<void> =>
  appendOutbox(tx, [toMessage(topic, eventOf(id), { messageId: `${topic.name}/${id}`, producer: "kill" })]);

let progressed = Promise.withResolvers<void>();

const first = defineConsumer({
  name: "kill.first",
  topic: facts,
  handle: async ({ event }, _delivery, tx) => {
    const id = event!.value.replica;
    await tx.query("INSERT INTO first VALUES ($1)", [id]);
    await sendOn(tx, effects, id);
    return done;
  },
});
const second = defineConsumer({
  name: "kill.second",
  topic: effects,
  handle: async ({ event }, _delivery, tx) => {
    await tx.query("INSERT INTO second VALUES ($1)", [event!.value.replica]);
    process.send!("progress");
    progressed.resolve();
    return done;
  },
});

await log.declare(facts);
await log.declare(effects);
const relay = startOutboxRelay({ db, publisher: log });
const consumers = await runConsumers([first, second], { log, db, maxInFlight: 4 });

if (mode === "work") {
  const { rows } = await db.query<{ last: number | null }>("SELECT max(id) AS last FROM fact");
  for (let id = (rows[0]?.last ?? 0) + 1; ; id += 1) {
    await db.inTransaction(async (tx) => {
      await tx.query("INSERT INTO fact VALUES ($1)", [id]);
      await sendOn(tx, facts, id);
    });
    if (id % 10 > 0) continue; // bursts of ten, so that the backlog stays small
    await progressed.promise;
    progressed = Promise.withResolvers();
  }
}

await relay.close(); // what is in the outbox is in the log
for (const [group, topic] of [
  ["kill.first", facts.name],
  ["kill.second", effects.name],
] as const) {
  const again = startOutboxRelay({ db, publisher: log });
  while ((await log.lag(group, topic)) > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await again.close();
}
await consumers.close();
const counts = await db.query<{ fact: string; first: string; second: string }>(
  `SELECT (SELECT string_agg(id::text, ',' ORDER BY id) FROM fact) AS fact,
          (SELECT string_agg(id::text, ',' ORDER BY id) FROM first) AS first,
          (SELECT string_agg(id::text, ',' ORDER BY id) FROM second) AS second`,
);
process.send!(counts.rows[0]);
await log.close();
await store.close();
process.disconnect();
