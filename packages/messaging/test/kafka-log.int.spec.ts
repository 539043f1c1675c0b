import { randomUUID } from "node:crypto";
import { type LogUnderTest, messageLogContract, realPart } from "@cos/testkit";
import { describe } from "vitest";
import { openKafkaLog } from "../src/index.ts";
import { onBreakableWire } from "./breakable-wire.ts";

const brokers = realPart("kafka")?.split(",");

describe.skipIf(!brokers)("on Kafka", () => {
  messageLogContract(() => underTest(`contract-${randomUUID().slice(0, 8)}.`));

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
