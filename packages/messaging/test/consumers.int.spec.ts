import { TaskEvent } from "@cos/proto/compute";
import { appendOutbox, type Db, listDeadLetters, readOutbox, retryDeadLetter } from "@cos/store";
import { openTestStore, type TestStore } from "@cos/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import {
  type ConsumerEvent,
  defineConsumer,
  defineTaskConsumer,
  defineTopic,
  done,
  type MessageLog,
  type OutboxRelay,
  openEmbeddedLog,
  park,
  runConsumer,
  startOutboxRelay,
  type Topic,
  toMessage,
} from "../src/index.ts";

const soon = { timeout: 60_000, interval: 10 };
const retry = { attempts: 3, firstDelayMs: 1, maxDelayMs: 2 };
let test: TestStore;
let db: Db;
let log: MessageLog;
let relay: OutboxRelay;
let topic: Topic<TaskEvent>;
let events: ConsumerEvent[];
let turn = 0;

beforeAll(async () => {
  test = await openTestStore();
});
afterAll(() => test.dispose());
beforeEach(async () => {
  turn += 1;
  db = test.store.schema(`consumer_${turn}`);
  await db.migrate({ schema: db.schema, steps: [{ id: "1", sql: "CREATE TABLE effect (message_id text)" }] });
  log = await openEmbeddedLog({ store: test.store, duplicateDeliveries: true });
  topic = defineTopic({
    name: `test.tasks${turn}.v1`,
    codec: TaskEvent,
    key: ({ event }) => String(event?.value.replica),
  });
  await log.declare(topic);
  relay = startOutboxRelay({ db, publisher: log });
  events = [];
});
afterEach(async () => {
  await relay.close();
  await log.close();
});

const task = (replica: number): TaskEvent => {
  const id = new Uint8Array(32);
  return { event: { $case: "taskQueued", value: { taskId: id, jobId: id, replica, inputBytes: 1n } } };
};
const send = (...replicas: number[]): Promise<void> =>
  db.inTransaction((tx) =>
    appendOutbox(
      tx,
      replicas.map((one) => toMessage(topic, task(one), { messageId: `task-${one}`, producer: "test" })),
    ),
  );
const effects = async (): Promise<unknown[]> =>
  (await db.query("SELECT message_id FROM effect ORDER BY message_id")).rows.map((row) => row["message_id"]);
const parts = () => ({
  log,
  db,
  retry,
  maxInFlight: 4,
  onEvent: (event: ConsumerEvent) => void events.push(event),
});
const settled = (group: string) => expect.poll(() => log.lag(group, topic.name), soon).toBe(0);
const outboxSent = () => expect.poll(async () => (await readOutbox(db, 1)).length, soon).toBe(0);

describe("a consumer with everything delivered twice", () => {
  it("commits each effect once, with the message that it sends on", async () => {
    const onward = defineTopic({ ...topicOf("onward"), codec: TaskEvent, key: () => "k" });
    await log.declare(onward);
    const consumer = defineConsumer({
      name: "test.effect",
      topic,
      handle: async (event, { messageId }, tx) => {
        await tx.query("INSERT INTO effect VALUES ($1)", [messageId]);
        await appendOutbox(tx, [
          toMessage(onward, event, { messageId: `${messageId}/on`, producer: "test" }),
        ]);
        return done;
      },
    });
    const seen: string[] = [];
    const second = defineTaskConsumer({
      name: "test.onward",
      topic: onward,
      handle: async (_event, { messageId }) => {
        seen.push(messageId);
        return done;
      },
    });
    await runConsumer(consumer, parts());
    await runConsumer(second, parts());
    await send(1, 2, 3);
    await expect.poll(() => new Set(seen).size, soon).toBe(3);
    await settled("test.effect");
    expect(await effects()).toEqual(["task-1", "task-2", "task-3"]);
    expect(events).toEqual([]);
  });

  it("parks: the effect is undone, one dead letter stands, and the next message goes on", async () => {
    const consumer = defineConsumer({
      name: "test.park",
      topic,
      handle: async ({ event }, { messageId }, tx) => {
        await tx.query("INSERT INTO effect VALUES ($1)", [messageId]);
        return event?.value.replica === 1 ? park("NOT_OURS") : done;
      },
    });
    await runConsumer(consumer, parts());
    await send(1, 2);
    await outboxSent();
    await settled("test.park");
    expect(await effects()).toEqual(["task-2"]);
    expect(await listDeadLetters(db)).toMatchObject([
      { messageId: "task-1", reason: "NOT_OURS", consumer: "test.park" },
    ]);
    expect(events).toMatchObject([{ type: "parked", reason: "NOT_OURS", messageId: "task-1" }]);
  });

  it("handles a parked message again when a person retries it", async () => {
    let refuse = true;
    const consumer = defineConsumer({
      name: "test.retry",
      topic,
      handle: async (_event, { messageId, mode }, tx) => {
        if (refuse) return park("NOT_YET");
        await tx.query("INSERT INTO effect VALUES ($1)", [`${messageId}:${mode}`]);
        return done;
      },
    });
    await runConsumer(consumer, parts());
    await send(1);
    await expect.poll(async () => (await listDeadLetters(db)).length, soon).toBe(1);
    refuse = false;
    const [letter] = await listDeadLetters(db);
    await db.inTransaction((tx) => retryDeadLetter(tx, letter!.id));
    await expect.poll(effects, soon).toEqual(["task-1:replay"]);
  });

  it("tries a throwing handler as often as allowed, then parks it under the error's code", async () => {
    const attempts: number[] = [];
    const consumer = defineConsumer({
      name: "test.throw",
      topic,
      handle: async (_event, { messageId, attempt }, tx) => {
        attempts.push(attempt);
        await tx.query("INSERT INTO effect VALUES ($1)", [messageId]);
        throw Object.assign(new Error("patient 17 has no rows"), { code: "NODE_FAILED" });
      },
    });
    await runConsumer(consumer, parts());
    await send(1);
    await expect.poll(async () => (await listDeadLetters(db)).length, soon).toBe(1);
    await settled("test.throw");
    expect(attempts).toEqual([1, 2, 3]);
    expect(await effects()).toEqual([]);
    const [letter] = await listDeadLetters(db);
    expect(letter?.reason).toBe("RETRIES_EXHAUSTED:NODE_FAILED");
    expect(events.map(({ type, attempt }) => [type, attempt])).toEqual([
      ["retrying", 1],
      ["retrying", 2],
      ["parked", undefined],
    ]);
  });

  it("succeeds after a failure that passed", async () => {
    const consumer = defineConsumer({
      name: "test.pass",
      topic,
      handle: async (_event, { messageId, attempt }, tx) => {
        await tx.query("INSERT INTO effect VALUES ($1)", [messageId]);
        if (attempt === 1) throw new Error("once");
        return done;
      },
    });
    await runConsumer(consumer, parts());
    await send(1);
    await expect.poll(effects, soon).toEqual(["task-1"]);
  });

  it("parks bytes that are no message, and pauses at an event of a later version", async () => {
    const consumer = defineConsumer({ name: "test.unknown", topic, handle: async () => done });
    await runConsumer(consumer, parts());
    const raw = (messageId: string, value: Uint8Array) => ({
      topic: topic.name,
      key: "k",
      partition: 0,
      value,
      headers: { messageId, producer: "test", mode: "live" as const },
    });
    const unknownCase = new Uint8Array([0xfa, 0x3f, 0x00]); // field 1023, length-delimited, empty
    await log.publish([
      raw("garbage", new Uint8Array([0xff, 0xff])),
      raw("later", unknownCase),
      raw("behind", topic.encode(task(1))),
    ]);
    await expect
      .poll(() => events.map(({ type, reason }) => [type, reason]), soon)
      .toEqual([
        ["parked", "UNDECODABLE"],
        ["parked", "UNDECODABLE"], // told twice, stored once
        ["paused", "UNKNOWN_EVENT"],
      ]);
    expect(await listDeadLetters(db)).toMatchObject([{ messageId: "garbage" }]);
    // The offset of what was parked is committed after the handler, not by it.
    await expect.poll(() => log.lag("test.unknown", topic.name), soon).toBe(2);
  });
});

describe("the outbox relay", () => {
  it("sends what a crash left behind, and goes on when publishing fails for a while", async () => {
    await relay.close();
    await send(1, 2);
    let failures = 2;
    const failing = startOutboxRelay({
      db,
      publisher: {
        publish: async (messages) => {
          failures -= 1;
          if (failures >= 0) throw new Error("broker away");
          await log.publish(messages);
        },
      },
    });
    await expect.poll(async () => (await readOutbox(db, 10)).length, soon).toBe(0);
    expect(failures).toBe(-1);
    await failing.close();
    relay = startOutboxRelay({ db, publisher: log });
  });

  it("sends what is committed before it closes", async () => {
    await send(...Array.from({ length: 300 }, (_, at) => at));
    await relay.close();
    expect(await readOutbox(db, 10)).toEqual([]);
    relay = startOutboxRelay({ db, publisher: log });
  });
});

const topicOf = (name: string): { name: string; partitions: number } => ({
  name: `test.${name}${turn}.v1`,
  partitions: 2,
});
