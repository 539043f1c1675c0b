import { type MessageLog, openEmbeddedLog, runConsumers, toMessage } from "@cos/messaging";
import type { ObjectStore } from "@cos/objects";
import { JobEvent } from "@cos/proto/compute";
import { TicketEvent } from "@cos/proto/gateway";
import { TransactionEvent } from "@cos/proto/settlement";
import { readConfig, silentLogger } from "@cos/service-host";
import { type Db, readOutbox, type Store } from "@cos/store";
import { chainEvents, jobEvents, ticketEvents } from "@cos/topics";
import { expect } from "vitest";
import { settlementMigrations } from "../src/adapters/store/migrations.ts";
import { sqlSettlementQueries } from "../src/adapters/store/sql-queries.ts";
import { settlementStoreIn } from "../src/adapters/store/sql-settlement-store.ts";
import { followChain } from "../src/app/follow-chain.ts";
import { followJobs } from "../src/app/follow-jobs.ts";
import { recordUses } from "../src/app/record-uses.ts";
import { type SettlementParts, settlementPasses } from "../src/compose.ts";
import { type SettlementConfig, settlementSettings } from "../src/config.ts";
import { testMirror } from "./test-mirror.ts";
import type { World } from "./world.ts";

export function configFor(world: World, change: Record<string, string> = {}): SettlementConfig {
  const config = readConfig(settlementSettings, "", { CHAIN_ID: String(world.chainId), ...change });
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  return config.value;
}

export type Harness = Awaited<ReturnType<typeof openHarness>>;

/** Settlement without its loop: empty tables, real consumers on a log that delivers everything twice, passes by hand. */
export async function openHarness(
  world: World,
  store: Store,
  objects: Pick<ObjectStore, "put" | "head">,
  settings: Record<string, string> = {},
) {
  for (const schema of ["log", "settlement"]) {
    await store.schema(schema).query(`DROP SCHEMA IF EXISTS ${schema} CASCADE`);
  }
  const db: Db = store.schema("settlement");
  await db.migrate(settlementMigrations);
  const log: MessageLog = await openEmbeddedLog({ store, duplicateDeliveries: true });
  for (const topic of [chainEvents, jobEvents, ticketEvents]) await log.declare(topic);
  const consumers = [
    followChain(settlementStoreIn),
    followJobs(settlementStoreIn),
    recordUses(settlementStoreIn),
  ];
  const subscription = await runConsumers(consumers, { log, db });
  const mirror = testMirror(world, log);
  let clock = await world.blockTime();
  let count = 0;

  const partsWith = (change: Partial<SettlementParts> = {}): Omit<SettlementParts, "log"> => ({
    db,
    objects,
    chain: { provider: world.provider, addresses: world.addresses },
    signers: { settler: world.people.settler, usage: world.people.usage },
    logger: silentLogger,
    now: () => clock,
    ...change,
  });
  const passesWith = (change: Partial<SettlementParts> = {}) =>
    settlementPasses(configFor(world, settings), partsWith(change));
  const passes = passesWith();

  const caughtUp = async () => {
    for (const { name, topic } of consumers) {
      await expect.poll(() => log.lag(name, topic.name), { interval: 5, timeout: 60_000 }).toBe(0);
    }
  };
  const learn = async () => {
    await mirror.sync();
    await caughtUp();
    clock = Math.max(clock, await world.blockTime());
  };

  return {
    db,
    log,
    queries: sqlSettlementQueries(db),
    passesWith,
    partsWith,
    learn,
    forgetMirror: async () => {
      await caughtUp();
      mirror.forget();
    },
    advanceClock: (seconds: number) => {
      clock += seconds;
    },
    runPasses: async (some = passes) => {
      for (const { run } of some) await run();
    },
    /** Mirrors, decides and sends until the chain stands still and every intent is confirmed. */
    settle: async (some = passes) => {
      for (let quiet = 0; quiet < 2; ) {
        const before = await world.provider.getBlockNumber();
        await learn();
        for (const { run } of some) await run();
        const open = (await sqlSettlementQueries(db).intents("")).filter(
          ({ state }) => !["confirmed", "final", "failed"].includes(state),
        );
        const still = before === (await world.provider.getBlockNumber()) && open.length === 0;
        quiet = still ? quiet + 1 : 0;
      }
    },
    job: async (permitId: string, event: object) => {
      const jobId = Buffer.from(permitId.slice(2), "hex");
      const message = JobEvent.fromPartial({ jobId, event } as object);
      await log.publish([toMessage(jobEvents, message, { messageId: `job:${count++}`, producer: "test" })]);
      await caughtUp();
    },
    ticket: async (ticketId: string, value: object) => {
      const event = { $case: "ticketRedeemed", value };
      const message = TicketEvent.fromPartial({
        ticketId: Buffer.from(ticketId.slice(2), "hex"),
        event,
      } as object);
      await log.publish([
        toMessage(ticketEvents, message, { messageId: `ticket:${count++}`, producer: "test" }),
      ]);
      await caughtUp();
    },
    intents: async () => {
      const all = await sqlSettlementQueries(db).intents("");
      return Object.fromEntries(all.map((each) => [each.businessId, each]));
    },
    news: async () =>
      (await readOutbox(db, 1_000)).map(({ value }) => {
        const { businessId, event } = TransactionEvent.decode(value);
        return `${businessId.split(":")[0]} ${event?.$case}`;
      }),
    close: () => subscription.close(),
  };
}
