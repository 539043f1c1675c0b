import { TaskEvent } from "@cos/proto/compute";
import type { Db } from "@cos/store";
import { openTestStore, type TestStore } from "@cos/testkit";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  type ConsumerEvent,
  defineConsumer,
  defineTopic,
  done,
  type MessageLog,
  openEmbeddedLog,
  runConsumer,
  type Subscription,
  type Topic,
  toMessage,
} from "../src/index.ts";

const tidyEveryMs = 40;
const soon = { timeout: 20_000, interval: 10 };
let test: TestStore;
let db: Db;
let log: MessageLog;
const running: Subscription[] = [];

beforeEach(async () => {
  test = await openTestStore();
  db = test.store.schema("reader");
  await db.migrate({ schema: "reader", steps: [{ id: "1", sql: "CREATE TABLE effect (message_id text)" }] });
  log = await openEmbeddedLog({ store: test.store, oldestBackupDays: 2, tidyEveryMs });
});
afterEach(async () => {
  for (const one of running.splice(0)) await one.close();
  await log.close();
  await test.dispose();
});

const topicOf = (name: string, retentionDays: number): Topic<TaskEvent> =>
  defineTopic({ name, codec: TaskEvent, key: () => "k", partitions: 1, retentionDays });
const task: TaskEvent = {
  event: {
    $case: "taskQueued",
    value: { taskId: new Uint8Array(32), jobId: new Uint8Array(32), replica: 0, inputBytes: 1n },
  },
};
const send = (topic: Topic<TaskEvent>, id: string) =>
  log.publish([toMessage(topic, task, { messageId: id, producer: "test" })]);

async function follow(
  topic: Topic<TaskEvent>,
  from: MessageLog,
  events: ConsumerEvent[] = [],
): Promise<void> {
  const consumer = defineConsumer<TaskEvent>({
    name: `reader.${topic.name}`,
    topic,
    handle: async (_event, { messageId }, tx) => {
      await tx.query("INSERT INTO effect VALUES ($1)", [messageId]);
      return done;
    },
  });
  const parts = { log: from, db, tidyEveryMs, onEvent: (event: ConsumerEvent) => void events.push(event) };
  running.push(await runConsumer(consumer, parts));
}
const effects = async () =>
  (await db.query<{ message_id: string }>("SELECT * FROM effect")).rows.map((r) => r.message_id);
const claims = async () =>
  (await db.query<{ message_id: string }>("SELECT message_id FROM inbox ORDER BY 1")).rows.map(
    (r) => r.message_id,
  );
const ageClaims = () => db.query("UPDATE inbox SET claimed_at = now() - interval '11 days'");

it("forgets what was counted once its topic is past, and never of a topic that is kept for ever", async () => {
  const [short, ever] = [topicOf("short.v1", 10), topicOf("ever.v1", Number.POSITIVE_INFINITY)];
  await follow(short, log);
  await follow(ever, log);
  await send(short, "short-1");
  await send(ever, "ever-1");
  await expect.poll(claims, soon).toEqual(["ever-1", "short-1"]);
  await ageClaims();
  await expect.poll(claims, soon).toEqual(["ever-1"]);
  await send(short, "short-2");
  await expect.poll(claims, soon).toEqual(["ever-1", "short-2"]); // Younger than its topic: it stays.
  expect((await effects()).sort()).toEqual(["ever-1", "short-1", "short-2"]);
});

it("forgets nothing while the log does not say how long it keeps messages, and tells", async () => {
  const topic = topicOf("silent.v1", 1);
  const events: ConsumerEvent[] = [];
  const silent: MessageLog = { ...log, keptSeconds: () => Promise.reject(new Error("nobody answers")) };
  await follow(topic, silent, events);
  await send(topic, "m");
  await expect.poll(claims, soon).toEqual(["m"]);
  await ageClaims();
  const before = events.length;
  await expect.poll(() => events.length, soon).toBeGreaterThan(before + 2);
  expect(events.at(-1)).toMatchObject({ type: "untidied", topic: "silent.v1", reason: "Error" });
  expect(await claims()).toEqual(["m"]);
});

it("deletes messages of the embedded log that are past their retention and behind every reader", async () => {
  const topic = topicOf("past.v1", 1);
  await follow(topic, log);
  const held = Promise.withResolvers<void>();
  running.push(
    await log.subscribe({
      group: "slow",
      topic: topic.name,
      handle: ({ offset }) => (offset === 0n ? Promise.resolve() : held.promise),
    }),
  );
  for (const id of ["a", "b"]) await send(topic, id);
  await expect.poll(effects, soon).toEqual(["a", "b"]);
  const messages = test.store.schema("log");
  const offsets = async () =>
    (await messages.query<{ offset: bigint }>('SELECT "offset" FROM message ORDER BY 1')).rows.map(
      (r) => r.offset,
    );
  await expect.poll(() => log.lag("slow", topic.name), soon).toBe(1);
  expect(await offsets()).toEqual([0n, 1n]);
  await messages.query("UPDATE message SET published_at = now() - interval '2 days'");
  await expect.poll(offsets, soon).toEqual([1n]); // The slow reader has not finished it.
  held.resolve();
  await expect.poll(offsets, soon).toEqual([]);
  await send(topic, "c");
  await expect.poll(effects, soon).toEqual(["a", "b", "c"]);
});
