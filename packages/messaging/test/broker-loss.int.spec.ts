import { realPart, type TempFolder, tempFolder } from "@cos/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../../../tools/parts/cache-folder.ts";
import { type KafkaCluster, startKafkaCluster } from "../../../tools/parts/kafka-cluster.ts";
import { type KafkaEvent, type KafkaOptions, type MessageLog, openKafkaLog } from "../src/index.ts";
import { KafkaTraffic } from "./kafka-traffic.ts";

const soon = { timeout: 90_000, interval: 50 };
const group = "loss.readers";

describe.skipIf(!realPart("kafka"))("when brokers are lost", { timeout: 400_000 }, () => {
  let folder: TempFolder;
  let cluster: KafkaCluster;
  let open: MessageLog[] = [];
  let events: KafkaEvent[] = [];
  let turn = 0;

  const log = async (options: Partial<KafkaOptions> = {}): Promise<MessageLog> => {
    const opened = await openKafkaLog({
      brokers: cluster.addresses,
      clientId: "loss",
      sessionTimeoutMs: 6_000,
      heartbeatMs: 500,
      stallMs: 9_000,
      onEvent: (event) => void events.push(event),
      ...options,
    });
    open.push(opened);
    return opened;
  };
  const freshTopic = (): string => {
    turn += 1;
    return `loss.topic${turn}.v1`;
  };

  afterEach(async () => {
    await Promise.all(open.map((one) => one.close()));
    open = [];
    events = [];
  });

  /** Traffic runs while `harm` is done; afterwards everything must have been seen, in order, and be committed. */
  async function survives(
    harm: (progress: (messages: number) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const name = freshTopic();
    const producer = await log();
    await producer.declare({ name, partitions: 8 });
    const traffic = new KafkaTraffic(name);
    for (const reader of [await log(), await log()]) {
      await reader.subscribe({ group, topic: name, maxInFlight: 4, handle: traffic.see });
    }
    let finished = false;
    const sending = traffic.sendUntil(producer, () => finished);
    const progress = async (messages: number): Promise<void> => {
      const from = traffic.seen;
      await expect.poll(() => traffic.seen - from, soon).toBeGreaterThanOrEqual(messages);
    };
    await progress(200);
    await harm(progress);
    await progress(200);
    finished = true;
    await sending;
    await expect.poll(() => traffic.seen, soon).toBe(traffic.sent);
    await expect.poll(() => producer.lag(group, name), soon).toBe(0);
    expect(traffic.outOfOrder()).toEqual([]);
  }

  describe("the only one", () => {
    beforeAll(async () => {
      folder = await tempFolder("broker-loss");
      cluster = await startKafkaCluster(folder.path, cacheFolder());
    });
    afterAll(async () => {
      await cluster.stop();
      await folder.remove();
    });

    it("is killed three times under load: nothing lost, nothing out of order", async () => {
      const [broker] = cluster.brokers;
      await survives(async (progress) => {
        for (let time = 0; time < 3; time += 1) {
          await broker!.kill();
          await broker!.start();
          await progress(100);
        }
      });
    });

    it("is stopped as an operator would, and frozen past the members' session", async () => {
      const [broker] = cluster.brokers;
      await survives(async (progress) => {
        await broker!.stop();
        await broker!.start();
        await progress(100);
        broker!.freeze();
        const frozenAt = performance.now();
        await expect.poll(() => performance.now() - frozenAt, soon).toBeGreaterThan(8_000);
        broker!.thaw();
      });
    });

    it("is not there when a process starts: declaring, publishing and joining wait for it", async () => {
      const [broker] = cluster.brokers;
      await broker!.kill();
      const name = freshTopic();
      const early = await log();
      const seen: string[] = [];
      const ready = (async () => {
        await early.declare({ name, partitions: 4 });
        await early.subscribe({
          group,
          topic: name,
          handle: async ({ headers }) => void seen.push(headers.messageId),
        });
        await early.publish([
          {
            topic: name,
            key: "k",
            value: new Uint8Array(1),
            headers: { messageId: "first", producer: "loss", mode: "live" },
          },
        ]);
      })();
      await broker!.start();
      await ready;
      await expect.poll(() => seen, soon).toEqual(["first"]);
    });

    it("says so in time when it stays away", async () => {
      const [broker] = cluster.brokers;
      await broker!.kill();
      const impatient = await log({ patienceMs: 1_000 });
      const asked = impatient.declare({ name: freshTopic(), partitions: 1 });
      await expect(asked).rejects.toMatchObject({ code: "KAFKA_UNAVAILABLE" });
      await broker!.start();
    });
  });

  describe("one of three", () => {
    beforeAll(async () => {
      folder = await tempFolder("broker-loss");
      cluster = await startKafkaCluster(folder.path, cacheFolder(), { nodes: 3 });
    });
    afterAll(async () => {
      await cluster.stop();
      await folder.remove();
    });

    it("each in turn is killed and comes back: leaders and the group's coordinator move", async () => {
      await survives(async (progress) => {
        for (const broker of cluster.brokers) {
          await broker.kill();
          await progress(200); // without it
          await broker.start();
          await progress(100);
        }
      });
    });
  });
});
