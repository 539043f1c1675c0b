import { randomUUID } from "node:crypto";
import { type LogUnderTest, messageLogContract, realPart } from "@cos/testkit";
import { describe } from "vitest";
import { type MessageLog, openKafkaLog } from "../src/index.ts";
import { breakableWire } from "./breakable-wire.ts";

const brokers = realPart("kafka")?.split(",");

describe.skipIf(!brokers)("on Kafka", () => {
  messageLogContract(() => underTest(`contract-${randomUUID().slice(0, 8)}.`));

  /** A cut wire is what a crash leaves: the brokers learn nothing but the end of the heartbeats. */
  async function underTest(prefix: string): Promise<LogUnderTest> {
    const wire = breakableWire();
    const log = await openKafkaLog({
      brokers: brokers!,
      clientId: "contract",
      sessionTimeoutMs: 6_000,
      heartbeatMs: 300,
      connect: wire.connect,
    });
    return {
      log,
      prefix,
      reopen: async () => {
        wire.cut();
        return underTest(prefix);
      },
      dispose: () => log.close(),
    };
  }
});
