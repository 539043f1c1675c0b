import { randomUUID } from "node:crypto";
import { type LogUnderTest, messageLogContract, realPart } from "@cos/testkit";
import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { openKafkaLog } from "../src/index.ts";
import { onBreakableWire } from "./breakable-wire.ts";

const brokers = realPart("kafka")?.split(",");

describe.skipIf(!brokers)("on Kafka", () => {
  messageLogContract(() => underTest(`contract-${randomUUID().slice(0, 8)}.`));

  it("keeps what was counted as long as the broker now keeps messages, whoever changed that", async () => {
    const log = await openKafkaLog({ brokers: brokers!, clientId: "kept", oldestBackupDays: 1 });
    const name = `kept-${randomUUID().slice(0, 8)}`;
    await log.declare({ name, partitions: 1, retentionDays: 3 });
    const days = async () => (await log.keptSeconds(name)) / 86_400;
    expect(await days()).toBe(11); // 3, the 7 for which a segment takes messages, and 1 for clocks
    const admin = new Admin({ clientId: "operator", bootstrapBrokers: brokers! });
    const set = (key: string, value: string) =>
      admin.incrementalAlterConfigs({
        resources: [
          {
            resourceType: ConfigResourceTypes.TOPIC,
            resourceName: name,
            configs: [{ name: key, configOperation: IncrementalAlterConfigOperationTypes.SET, value }],
          },
        ],
      });
    await set("retention.ms", String(60 * 86_400_000));
    await set("segment.ms", String(2 * 86_400_000));
    await expect.poll(days).toBe(63);
    await set("cleanup.policy", "compact");
    await expect.poll(days).toBe(Number.POSITIVE_INFINITY);
    await admin.close();
    await log.close();
  });

  /** A cut wire is what a crash leaves. */
  async function underTest(prefix: string): Promise<LogUnderTest> {
    const { log, cut } = await onBreakableWire(() =>
      openKafkaLog({ brokers: brokers!, clientId: "contract", sessionTimeoutMs: 6_000, heartbeatMs: 300 }),
    );
    return {
      log,
      prefix,
      reopen: async () => {
        cut();
        return underTest(prefix);
      },
      dispose: () => log.close(),
    };
  }
});
