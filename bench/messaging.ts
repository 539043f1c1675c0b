/**
 * How fast the message log moves small messages, by Kafka and by its embedded twin, and how fast the outbox relay does.
 * The ceiling is measured in the same run by Kafka's own performance tools against the same broker.
 *
 *     npm run parts -- --only kafka,postgres --once node bench/messaging.ts [--messages 100000] [--json FILE]
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type MessageLog, openEmbeddedLog, openKafkaLog, startOutboxRelay } from "@cos/messaging";
import { appendOutbox, type OutgoingMessage, openPostgresStore, readOutbox, type Store } from "@cos/store";
import { createTestDatabase, openTestStore } from "@cos/testkit";
import { readOptions } from "../tools/command-line.ts";
import { cacheFolder } from "../tools/parts/cache-folder.ts";
import { kafkaFiles } from "../tools/parts/kafka-jars.ts";

const given = readOptions(
  "npm run parts -- --only kafka,postgres --once node bench/messaging.ts [--messages 100000] [--json FILE]",
  { messages: { type: "string", default: "100000" }, json: { type: "string" } },
  ["messages"],
);
const count = Number(given.messages);
const valueBytes = 300;
const batch = 256;
const partitions = 8;
const run = promisify(execFile);

type Row = { readonly name: string; readonly messagesPerSecond: number; readonly ofCeiling?: number };
const rows: Row[] = [];

const brokers = process.env.COS_PARTS_KAFKA;
if (!brokers)
  throw new Error("COS_PARTS_KAFKA is not set: npm run parts -- --only kafka --once node bench/messaging.ts");
const log = await openKafkaLog({ brokers: brokers.split(","), clientId: "bench" });
const topic = `bench.${process.pid}.v1`;
await log.declare({ name: topic, partitions });

const ceiling = await kafkaTools(brokers);
note("produce, Kafka's own tool", ceiling.produce);
note("consume, Kafka's own tool", ceiling.consume);
note("publish one call after the other, Kafka", await publishing(log, topic, 1), ceiling.produce);
note("publish eight calls beside each other, Kafka", await publishing(log, topic, 8), ceiling.produce);
note("handle and commit, Kafka", await handling(log, topic), ceiling.consume);
await log.close();
await embedded();
if (process.env.COS_PARTS_POSTGRES) await relayOnPostgres(process.env.COS_PARTS_POSTGRES);
if (given.json)
  await writeFile(given.json, `${JSON.stringify({ count, valueBytes, batch, rows }, null, 2)}\n`);
process.exit();

function note(name: string, messagesPerSecond: number, of?: number): void {
  rows.push({ name, messagesPerSecond, ...(of === undefined ? {} : { ofCeiling: messagesPerSecond / of }) });
  const share = of === undefined ? "" : `  ${Math.round((100 * messagesPerSecond) / of)} %`;
  console.log(
    `${name.padEnd(48)} ${Math.round(messagesPerSecond).toString().padStart(8)} messages/s${share}`,
  );
}

async function perSecond(messages: number, work: () => Promise<void>): Promise<number> {
  const began = performance.now();
  await work();
  return (1_000 * messages) / (performance.now() - began);
}

function some(topic: string, from: number, length: number): OutgoingMessage[] {
  return Array.from({ length }, (_, at) => ({
    topic,
    key: `key-${(from + at) % 1_000}`,
    value: new Uint8Array(valueBytes),
    headers: { messageId: `bench-${from + at}`, producer: "bench", mode: "live" as const },
  }));
}

function publishing(to: MessageLog, topic: string, callers: number): Promise<number> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) {
      const from = next;
      next += batch;
      await to.publish(some(topic, from, batch));
    }
  };
  return perSecond(count, async () => {
    await Promise.all(Array.from({ length: callers }, caller));
  });
}

/** From the first message on, until as many as were published last are handled. */
async function handling(from: MessageLog, topic: string): Promise<number> {
  const finished = Promise.withResolvers<void>();
  let handled = 0;
  return perSecond(count, async () => {
    const subscription = await from.subscribe({
      group: `bench-${process.pid}`,
      topic,
      maxInFlight: partitions,
      handle: async () => {
        handled += 1;
        if (handled === count) finished.resolve();
      },
    });
    await finished.promise;
    await subscription.close();
  });
}

async function embedded(): Promise<void> {
  const test = await openTestStore();
  const twin = await openEmbeddedLog({ store: test.store });
  await twin.declare({ name: topic, partitions });
  note("publish one call after the other, embedded", await publishing(twin, topic, 1));
  note("handle and commit, embedded", await handling(twin, topic));
  await twin.close();
  await test.dispose();
}

/** A full outbox of a Postgres schema through one relay to Kafka. */
async function relayOnPostgres(server: string): Promise<void> {
  const database = await createTestDatabase(server);
  const store: Store = openPostgresStore({ url: database.url, applicationName: "bench", migrations: "run" });
  const db = store.schema("bench");
  await db.migrate({ schema: "bench", steps: [] });
  for (let from = 0; from < count; from += 5_000) {
    await db.inTransaction((tx) => appendOutbox(tx, some(topic, from, Math.min(5_000, count - from))));
  }
  const to = await openKafkaLog({ brokers: brokers!.split(","), clientId: "bench" });
  await to.publish(some(topic, 0, 1)); // connections are not what is measured
  const rate = await perSecond(count, async () => {
    const relay = startOutboxRelay({ db, publisher: to });
    while ((await readOutbox(db, 1)).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await relay.close();
  });
  note("outbox relay, Postgres to Kafka", rate);
  await to.close();
  await store.close();
  await database.drop();
}

/** Kafka's ProducerPerformance and ConsumerPerformance on a topic of their own. */
async function kafkaTools(servers: string): Promise<{ produce: number; consume: number }> {
  const { java, classPath } = await kafkaFiles(cacheFolder());
  const own = `bench.${process.pid}.ceiling.v1`;
  await log.declare({ name: own, partitions });
  const tool = async (name: string, args: string[]): Promise<string> => {
    const { stdout } = await run(java, [
      "-Xmx256m",
      "-cp",
      classPath,
      `org.apache.kafka.tools.${name}`,
      ...args,
    ]);
    return stdout;
  };
  const produced = await tool("ProducerPerformance", [
    ...[
      "--topic",
      own,
      "--num-records",
      String(count),
      "--record-size",
      String(valueBytes),
      "--throughput",
      "-1",
    ],
    ...["--producer-props", `bootstrap.servers=${servers}`, "acks=all", "enable.idempotence=true"],
  ]);
  const consumed = await tool("ConsumerPerformance", [
    ...["--topic", own, "--messages", String(count), "--bootstrap-server", servers, "--timeout", "20000"],
  ]);
  const produce = Number(/([\d.]+) records\/sec/.exec(produced.trim().split("\n").at(-1) ?? "")?.[1]);
  const [heads, values] = consumed
    .trim()
    .split("\n")
    .slice(-2)
    .map((line) => line.split(", "));
  // Without the time that joining the group took.
  const consume = Number(values?.[heads?.indexOf("fetch.nMsg.sec") ?? -1]);
  return { produce, consume };
}
