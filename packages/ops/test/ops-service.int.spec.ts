import {
  defineConsumer,
  defineTopic,
  done,
  type OutboxRelay,
  openEmbeddedLog,
  park,
  runConsumer,
  startOutboxRelay,
  toMessage,
} from "@cos/messaging";
import { descriptorSet } from "@cos/proto";
import { OpsServiceService } from "@cos/proto/ops";
import { TransactionEvent } from "@cos/proto/settlement";
import { createGrpcClient, type GrpcClient, type HostedService, hostService } from "@cos/service-host";
import { appendOutbox, type Db, defineMigrations } from "@cos/store";
import { openTestStore, type TestStore } from "@cos/testkit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { opsService } from "../src/index.ts";

const topic = defineTopic({
  name: "test.things.v1",
  codec: TransactionEvent,
  key: (event) => event.businessId,
});

let store: TestStore;
let db: Db;
let hosted: HostedService;
let relay: OutboxRelay;
let ops: GrpcClient<typeof OpsServiceService>;
let closeConsumer: () => Promise<void>;
let healed = false;
const handled: string[] = [];

beforeAll(async () => {
  store = await openTestStore();
  db = store.store.schema("thing");
  await db.migrate(defineMigrations({ schema: "thing", steps: [] }));
  const log = await openEmbeddedLog({ store: store.store });
  const consumer = defineConsumer({
    name: "thing.reads",
    topic,
    handle: async ({ businessId }) => {
      if (!healed) return park("NOT_UNDERSTOOD");
      handled.push(businessId);
      return done;
    },
  });
  const subscription = await runConsumer(consumer, { log, db });
  relay = startOutboxRelay({ db, publisher: log });
  hosted = await hostService({
    host: "127.0.0.1",
    grpc: {
      port: 0,
      descriptorSet: descriptorSet(),
      services: [
        opsService({
          service: "thing",
          db,
          serviceToken: "let me in",
          facts: () => ({ "thing.mood": "fine" }),
        }),
      ],
    },
  });
  ops = createGrpcClient(OpsServiceService, hosted.grpcAddress, { "cos-service-token": "let me in" });
  closeConsumer = async () => {
    await subscription.close();
    await relay.close();
    await log.close();
  };
});
afterAll(async () => {
  ops.close();
  await hosted.close();
  await closeConsumer();
  await store.dispose();
});

it("shows a message that was put aside, and sends it again: once, to the consumer that refused it", async () => {
  const event = TransactionEvent.fromPartial({
    businessId: "a thing",
    event: { $case: "transactionFailed", value: { code: "X" } },
  });
  const message = toMessage(topic, event, { messageId: "thing:1", producer: "test" });
  await db.inTransaction((tx) => appendOutbox(tx, [message]));
  await expect.poll(async () => (await ops.getStatus({})).deadLetters, { timeout: 60_000 }).toBe(1n);
  expect(await ops.getStatus({})).toMatchObject({
    service: "thing",
    facts: [{ name: "thing.mood", value: "fine" }],
  });
  const { deadLetters } = await ops.listDeadLetters({ limit: 0 });
  expect(deadLetters).toMatchObject([
    {
      consumer: "thing.reads",
      topic: topic.name,
      messageId: "thing:1",
      reason: "NOT_UNDERSTOOD",
      producer: "test",
    },
  ]);
  const id = deadLetters[0]?.id ?? 0n;
  expect((await ops.getDeadLetter({ id })).deadLetter).toEqual(deadLetters[0]);

  healed = true;
  await ops.retryDeadLetter({ id, dryRun: true });
  expect((await ops.getStatus({})).deadLetters).toBe(1n);
  await ops.retryDeadLetter({ id, dryRun: false });
  await expect.poll(() => handled, { timeout: 60_000 }).toEqual(["a thing"]);
  await expect(ops.retryDeadLetter({ id, dryRun: false })).rejects.toMatchObject({ status: "NOT_FOUND" });
  await expect(ops.getDeadLetter({ id })).rejects.toMatchObject({ code: "NO_SUCH_DEAD_LETTER" });
  expect((await ops.getStatus({})).deadLetters).toBe(0n);
});

it("answers nobody without the token, and refuses what is out of range", async () => {
  const stranger = createGrpcClient(OpsServiceService, hosted.grpcAddress, {
    "cos-service-token": "let me out",
  });
  await expect(stranger.getStatus({})).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
  await expect(stranger.retryDeadLetter({ id: 1n, dryRun: true })).rejects.toMatchObject({
    status: "UNAUTHENTICATED",
  });
  stranger.close();
  await expect(ops.listDeadLetters({ limit: 1_001 })).rejects.toMatchObject({ status: "INVALID_ARGUMENT" });
});
