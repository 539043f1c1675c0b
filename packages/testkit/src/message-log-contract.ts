import type { MessageLog, OutgoingMessage, ReceivedMessage } from "@cos/messaging";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";

/** A log under test. `reopen` ends it as a crash would, with handlers running, and opens it again on what was durable. */
export type LogUnderTest = {
  readonly log: MessageLog;
  /** Stands before the names of topics and groups, where the log may hold others' already. */
  readonly prefix?: string;
  reopen(): Promise<LogUnderTest>;
  dispose(): Promise<void>;
};

const soon = { timeout: 20_000, interval: 10 };

/** What every message log does, embedded or not. */
export function messageLogContract(make: () => Promise<LogUnderTest>): void {
  describe("message log", () => {
    let made: LogUnderTest;
    let topic: string;
    let prefix: string;
    let turn = 0;

    beforeAll(async () => {
      made = await make();
    });
    afterAll(() => made.dispose());
    beforeEach(async () => {
      turn += 1;
      prefix = made.prefix ?? "";
      topic = `${prefix}contract.topic${turn}.v1`;
      await made.log.declare({ name: topic, partitions: 4 });
    });

    const message = (id: string, key = id, partition?: number): OutgoingMessage => ({
      topic,
      key,
      value: new TextEncoder().encode(id),
      headers: { messageId: id, producer: "contract", mode: "live", traceparent: `00-${id}` },
      ...(partition === undefined ? {} : { partition }),
    });
    const numbered = (count: number, key?: string): OutgoingMessage[] =>
      Array.from({ length: count }, (_, at) => message(`m${at}`, key));
    const idOf = (received: ReceivedMessage): string => received.headers.messageId;

    it("gives back key, value, headers and place, to a group that came later, from the beginning", async () => {
      await made.log.publish([message("a", "key-a", 1), message("b", "key-b", 6)]);
      const seen: ReceivedMessage[] = [];
      const subscription = await made.log.subscribe({
        group: `${prefix}late`,
        topic,
        handle: async (received) => void seen.push(received),
      });
      await expect.poll(() => seen.length, soon).toBe(2);
      const b = seen.find((one) => idOf(one) === "b");
      expect(b).toMatchObject({ topic, key: "key-b", partition: 2, offset: 0n });
      expect(b?.headers).toEqual({ messageId: "b", producer: "contract", mode: "live", traceparent: "00-b" });
      expect(Buffer.from(b!.value).toString()).toBe("b");
      await subscription.close();
    });

    it("keeps the order of one key, one handler at a time", async () => {
      const seen: string[] = [];
      let running = 0;
      const subscription = await made.log.subscribe({
        group: `${prefix}ordered`,
        topic,
        maxInFlight: 4,
        handle: async (received) => {
          running += 1;
          expect(running).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(idOf(received));
          running -= 1;
        },
      });
      for (const one of numbered(60, "same")) await made.log.publish([one]);
      await expect.poll(() => seen.length, soon).toBe(60);
      expect(seen).toEqual(numbered(60).map(({ headers }) => headers.messageId));
      await subscription.close();
    });

    it("gives each message to every group, and within a group to one member", async () => {
      const seen = { one: [] as string[], left: [] as string[], right: [] as string[] };
      const join = (group: string, into: keyof typeof seen) =>
        made.log.subscribe({
          group: prefix + group,
          topic,
          handle: async (received) => void seen[into].push(idOf(received)),
        });
      const members = [
        await join("first", "one"),
        await join("second", "left"),
        await join("second", "right"),
      ];
      await made.log.publish(numbered(40));
      await expect.poll(() => seen.one.length + seen.left.length + seen.right.length, soon).toBe(80);
      expect(new Set(seen.one).size).toBe(40);
      expect(new Set([...seen.left, ...seen.right]).size).toBe(40);
      expect(Math.min(seen.left.length, seen.right.length)).toBeGreaterThan(0);
      await Promise.all(members.map((member) => member.close()));
    });

    it("counts as lag what is not finished, and runs no more than it may at once", async () => {
      const gate = Promise.withResolvers<void>();
      let running = 0;
      const subscription = await made.log.subscribe({
        group: `${prefix}slow`,
        topic,
        maxInFlight: 2,
        handle: async () => {
          running += 1;
          await gate.promise;
        },
      });
      await made.log.publish(Array.from({ length: 8 }, (_, at) => message(`s${at}`, "k", at)));
      await expect.poll(() => running, soon).toBe(2);
      expect(await made.log.lag(`${prefix}slow`, topic)).toBe(8);
      gate.resolve();
      await expect.poll(() => made.log.lag(`${prefix}slow`, topic), soon).toBe(0);
      expect(running).toBe(8);
      await subscription.close();
    });

    it("gives a lost member's message to another, and does not count what the lost one reports later", async () => {
      const gate = Promise.withResolvers<void>();
      const signals: AbortSignal[] = [];
      const lost = await made.log.subscribe({
        group: `${prefix}workers`,
        topic,
        handle: async (_received, signal) => {
          signals.push(signal);
          await gate.promise;
        },
      });
      await made.log.publish([message("task", "k", 1), message("next", "k", 1)]);
      await expect.poll(() => signals.length, soon).toBe(1);
      await lost.close({ drain: false });
      expect(signals[0]!.aborted).toBe(true);
      const seen: string[] = [];
      const second = Promise.withResolvers<void>();
      const other = await made.log.subscribe({
        group: `${prefix}workers`,
        topic,
        handle: async (received) => {
          seen.push(idOf(received));
          await second.promise;
        },
      });
      await expect.poll(() => seen, soon).toEqual(["task"]);
      gate.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      expect(await made.log.lag(`${prefix}workers`, topic)).toBe(2);
      second.resolve();
      await expect.poll(() => seen, soon).toEqual(["task", "next"]);
      await other.close();
    });

    it("lets a leaving member finish, and nobody else start its message meanwhile", async () => {
      const gate = Promise.withResolvers<void>();
      const seen: string[] = [];
      const handle = (who: string) => async (received: ReceivedMessage) => {
        seen.push(`${who}:${idOf(received)}`);
        await gate.promise;
      };
      const leaving = await made.log.subscribe({
        group: `${prefix}polite`,
        topic,
        handle: handle("leaving"),
      });
      await made.log.publish([message("one", "k", 0), message("two", "k", 0)]);
      await expect.poll(() => seen.length, soon).toBe(1);
      const staying = await made.log.subscribe({
        group: `${prefix}polite`,
        topic,
        handle: handle("staying"),
      });
      const left = leaving.close();
      gate.resolve();
      await left;
      await expect.poll(() => seen, soon).toEqual(["leaving:one", "staying:two"]);
      await staying.close();
    });

    it("pauses one partition when its handler throws; the others go on, and a new member tries again", async () => {
      const seen: string[] = [];
      const paused: number[] = [];
      let broken = true;
      const options = {
        group: `${prefix}careful`,
        topic,
        handle: async (received: ReceivedMessage) => {
          if (broken && received.partition === 3) throw new Error("unknown event");
          seen.push(idOf(received));
        },
        onPaused: (partition: number) => void paused.push(partition),
      };
      const subscription = await made.log.subscribe(options);
      await made.log.publish([message("bad", "k", 3), message("after", "k", 3), message("fine", "k", 1)]);
      await expect.poll(() => [seen, paused], soon).toEqual([["fine"], [3]]);
      // The offset of what was handled is committed after the handler, not by it.
      await expect.poll(() => made.log.lag(`${prefix}careful`, topic), soon).toBe(2);
      broken = false;
      await subscription.close();
      const again = await made.log.subscribe(options);
      await expect.poll(() => seen, soon).toEqual(["fine", "bad", "after"]);
      await again.close();
    });

    it("says by when nobody can be given a message again, or that this never is", async () => {
      const declare = async (name: string, retentionDays: number) => {
        await made.log.declare({ name: `${topic}.${name}`, partitions: 1, retentionDays });
        return (await made.log.keptSeconds(`${topic}.${name}`)) / 86_400;
      };
      expect(await declare("ever", Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
      const long = await declare("long", 40);
      expect(long).toBeGreaterThanOrEqual(40);
      expect(long).toBeLessThan(60);
      expect(await declare("short", 1)).toBe(30); // As old as a backup may be that sends again.
    });

    it("publishes to topics that were declared, under one number of partitions", async () => {
      await expect(
        made.log.publish([{ ...message("x"), topic: `${prefix}contract.unknown.v1` }]),
      ).rejects.toThrow();
      await expect(made.log.declare({ name: topic, partitions: 5 })).rejects.toThrow();
      await made.log.declare({ name: topic, partitions: 4 });
    });

    it("survives a crash: finished messages stay finished, unfinished ones come again, in order", async () => {
      const before: string[] = [];
      const stuck = Promise.withResolvers<void>();
      await made.log.subscribe({
        group: `${prefix}durable`,
        topic,
        handle: async (received) => {
          if (idOf(received) === "m5") await stuck.promise;
          before.push(idOf(received));
        },
      });
      await made.log.publish(numbered(10, "same"));
      await expect.poll(() => before.length, soon).toBe(5);
      await expect.poll(() => made.log.lag(`${prefix}durable`, topic), soon).toBe(5);
      made = await made.reopen();
      expect(await made.log.lag(`${prefix}durable`, topic)).toBe(5);
      const after: string[] = [];
      const subscription = await made.log.subscribe({
        group: `${prefix}durable`,
        topic,
        handle: async (received) => void after.push(idOf(received)),
      });
      await made.log.publish([message("m10", "same")]);
      await expect.poll(() => after, soon).toEqual(["m5", "m6", "m7", "m8", "m9", "m10"]);
      await subscription.close();
      stuck.resolve();
    });
  });
}
