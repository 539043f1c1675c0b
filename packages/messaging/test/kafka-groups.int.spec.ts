import { randomUUID } from "node:crypto";
import { realPart } from "@cos/testkit";
import { Admin, ConfigResourceTypes } from "@platformatic/kafka";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type KafkaOptions, type MessageLog, openKafkaLog } from "../src/index.ts";
import { onBreakableWire } from "./breakable-wire.ts";

const brokers = realPart("kafka")?.split(",");
const soon = { timeout: 30_000, interval: 20 };
const sessionTimeoutMs = 6_000;

describe.skipIf(!brokers)("a group on Kafka", () => {
  let open: MessageLog[] = [];
  let name: string;

  beforeEach(() => {
    name = `groups-${randomUUID().slice(0, 8)}`;
  });
  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()));
    open = [];
  });

  const options: KafkaOptions = {
    brokers: brokers ?? [],
    clientId: "groups",
    sessionTimeoutMs,
    heartbeatMs: 300,
  };
  const log = async (): Promise<MessageLog> => {
    const opened = await openKafkaLog(options);
    open.push(opened);
    return opened;
  };
  const message = (id: string, partition: number, value: Uint8Array = new Uint8Array(1)) => ({
    topic: name,
    key: id,
    partition,
    value,
    headers: { messageId: id, producer: "groups", mode: "live" as const },
  });
  /** A member that notes what it began, and ends nothing before `gate` opens. */
  const member = async (gate: Promise<void>, on?: MessageLog) => {
    const began: string[] = [];
    const signals: AbortSignal[] = [];
    await (on ?? (await log())).subscribe({
      group: name,
      topic: name,
      maxInFlight: 2,
      handle: async ({ headers }, signal) => {
        began.push(headers.messageId);
        signals.push(signal);
        await gate;
      },
    });
    return { began, signals };
  };

  it("that others join leaves running handlers alone, and shares out what is waiting", async () => {
    const publisher = await log();
    await publisher.declare({ name, partitions: 8 });
    const gate = Promise.withResolvers<void>();
    const first = await member(gate.promise);
    await publisher.publish([message("task-0", 0), message("task-5", 5)]);
    await expect.poll(() => first.began.length, soon).toBe(2);
    const second = await member(Promise.resolve());
    const third = await member(Promise.resolve());
    await publisher.publish([1, 2, 3, 4, 6, 7].map((at) => message(`task-${at}`, at)));
    // One of the six may lie with the first, whose share is two or three.
    await expect.poll(() => second.began.length + third.began.length, soon).toBeGreaterThanOrEqual(5);
    expect(Math.min(second.began.length, third.began.length)).toBeGreaterThan(0);
    expect(first.signals.map(({ aborted }) => aborted)).toEqual([false, false]);
    gate.resolve();
    await expect.poll(() => publisher.lag(name, name), soon).toBe(0);
    const all = [...first.began, ...second.began, ...third.began];
    expect(all.sort()).toEqual(Array.from({ length: 8 }, (_, at) => `task-${at}`));
  });

  it("keeps a member whose handler runs for longer than the session", async () => {
    const publisher = await log();
    await publisher.declare({ name, partitions: 2 });
    const gate = Promise.withResolvers<void>();
    const slow = await member(gate.promise);
    await publisher.publish([message("long", 0)]);
    await expect.poll(() => slow.began, soon).toEqual(["long"]);
    const beganAt = performance.now();
    const other = await member(Promise.resolve());
    await expect.poll(() => performance.now() - beganAt, soon).toBeGreaterThan(1.3 * sessionTimeoutMs);
    gate.resolve();
    await expect.poll(() => publisher.lag(name, name), soon).toBe(0);
    expect([slow.began, other.began]).toEqual([["long"], []]);
    expect(slow.signals[0]!.aborted).toBe(false);
  });

  it("gives the work of a member that lost its network to another, and tells the first when it is back", async () => {
    const publisher = await log();
    await publisher.declare({ name, partitions: 1 });
    const lost = await onBreakableWire(() => openKafkaLog(options));
    open.push(lost.log);
    const gate = Promise.withResolvers<void>();
    const away = await member(gate.promise, lost.log);
    await publisher.publish([message("task", 0), message("next", 0)]);
    await expect.poll(() => away.began, soon).toEqual(["task"]);
    lost.cut();
    const second = Promise.withResolvers<void>();
    const other = await member(second.promise);
    await expect.poll(() => other.began, soon).toEqual(["task"]);
    expect(away.signals[0]!.aborted).toBe(false); // it cannot know yet
    lost.mend();
    await expect.poll(() => away.signals[0]!.aborted, soon).toBe(true);
    gate.resolve();
    second.resolve();
    await expect.poll(() => publisher.lag(name, name), soon).toBe(0);
    expect(other.began).toEqual(["task", "next"]);
    expect(away.began).toEqual(["task"]);
  });

  it("gets messages in order that together are larger than a request, and none over the limit is sent", async () => {
    const publisher = await log();
    await publisher.declare({ name, partitions: 1 });
    const sizes: number[] = [];
    await publisher.subscribe({
      group: name,
      topic: name,
      handle: async ({ value }) => void sizes.push(value.byteLength),
    });
    const sent = [900, 1, 800, 2, 3, 700, 600].map((kibibytes) => kibibytes * 1024);
    await publisher.publish(sent.map((size, at) => message(`m${at}`, 0, new Uint8Array(size))));
    await expect.poll(() => sizes, soon).toEqual(sent);
    const over = publisher.publish([message("over", 0, new Uint8Array(900 * 1024 + 1))]);
    await expect(over).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
  });

  it("reads topics that keep their messages as declared", async () => {
    const publisher = await log();
    const [forever, week] = [`${name}.forever`, `${name}.week`];
    await publisher.declare({ name: forever, partitions: 1, retentionDays: Number.POSITIVE_INFINITY });
    await publisher.declare({ name: week, partitions: 1 });
    const admin = new Admin({ bootstrapBrokers: [...brokers!], clientId: "groups" });
    const described = await admin.describeConfigs({
      resources: [forever, week].map((resourceName) => ({
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName,
      })),
    });
    await admin.close();
    const settingOf = (topic: string, key: string) =>
      described.find((one) => one.resourceName === topic)?.configs.find((one) => one.name === key)?.value;
    expect([settingOf(forever, "retention.ms"), settingOf(week, "retention.ms")]).toEqual([
      "-1",
      "604800000",
    ]);
    expect(settingOf(forever, "cleanup.policy")).toBe("delete");
    expect(settingOf(forever, "unclean.leader.election.enable")).toBe("false");
  });
});
