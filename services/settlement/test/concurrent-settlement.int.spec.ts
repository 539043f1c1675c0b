import type { Delivery } from "@cos/messaging";
import { ChainEvent, Stage } from "@cos/proto/chain";
import { asAddress, asDigest, asPermitId } from "@cos/protocol";
import { type Db, openPostgresStore, type Store, type Tx } from "@cos/store";
import { createTestDatabase, realPart } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { settlementMigrations } from "../src/adapters/store/migrations.ts";
import { settlementStoreIn, sqlSettlementStore } from "../src/adapters/store/sql-settlement-store.ts";
import { followChain } from "../src/app/follow-chain.ts";

const server = realPart("postgres");
const operator = asAddress(`0x${"aa".repeat(20)}`);
const permitOf = (n: number) => asPermitId(`0x${n.toString(16).padStart(64, "0")}`);
const bytes = (hex: string) => Buffer.from(hex.slice(2), "hex");

/** What one connection could not show: consumers whose transactions really run beside each other. */
describe.skipIf(server === undefined)("settlement's consumers beside each other on Postgres", () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let stores: Store[] = [];
  beforeAll(async () => {
    database = await createTestDatabase(server!);
    stores = ["one", "two"].map((name) =>
      openPostgresStore({ url: database.url, applicationName: name, migrations: "run" }),
    );
    await stores[0]!.schema("settlement").migrate(settlementMigrations);
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await database?.drop();
  });
  const dbs = () => stores.map((store) => store.schema("settlement")) as [Db, Db];

  const event = (block: number, n: number, fact: object): ChainEvent =>
    ChainEvent.fromPartial({
      chainId: 1n,
      blockNumber: BigInt(block),
      blockHash: Buffer.alloc(32, block),
      transactionHash: Buffer.alloc(32, block),
      logIndex: n,
      stage: Stage.STAGE_CONFIRMED,
      event: fact as never,
    });
  const issued = (n: number) => {
    const zero = { computeShare: "0", authorShare: "0", workFee: "0", fee: "0" };
    const value = {
      ...zero,
      permitId: bytes(permitOf(n)),
      grantee: bytes(operator),
      operator: bytes(operator),
    };
    return event(1, n, { $case: "jobPermitIssued", value: { ...value, expiry: 9_999n, replicas: 1 } });
  };
  const posted = (n: number) =>
    event(2, n, {
      $case: "jobResultPosted",
      value: { permitId: bytes(permitOf(n)), resultCommitment: Buffer.alloc(32, 7), challengeEnds: 50n },
    });
  const consume = (tx: Tx, told: ChainEvent) =>
    followChain(settlementStoreIn).handle(told, {} as Delivery, tx);

  /** Runs `first`, holds its transaction open until `second` waits for it, and lets both end. */
  async function overlapped(first: (tx: Tx) => Promise<unknown>, second: (tx: Tx) => Promise<unknown>) {
    const [one, two] = dbs();
    const begun = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const holding = one.inTransaction(async (tx) => {
      await first(tx);
      begun.resolve();
      await goOn.promise;
    });
    await begun.promise;
    const other = two.inTransaction(second);
    const waits = async () => {
      const { rows } = await one.query<{ n: bigint }>(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'two' AND wait_event_type = 'Lock'",
      );
      return Number(rows[0]!.n);
    };
    await expect.poll(waits).toBe(1);
    goOn.resolve();
    await Promise.all([holding, other]);
  }
  const due = async () => (await sqlSettlementStore(dbs()[0]).permitsToDecide(operator, 0, 10)).at(0);

  it("never miss how a job ended because its permit was being written down", async () => {
    const outcome = {
      kind: "completed",
      commitment: asDigest(`0x${"0b".repeat(32)}`),
      uri: "cos-object:1",
    } as never;
    await overlapped(
      (tx) => settlementStoreIn(tx).saveOutcome(permitOf(1), outcome),
      (tx) => consume(tx, issued(1)),
    );
    expect(await due()).toMatchObject({ record: { permitId: permitOf(1) }, outcome });
    await dbs()[0].query("DELETE FROM permit");
  });

  it("never doubt a permit in vain", async () => {
    await overlapped(
      (tx) => settlementStoreIn(tx).doubtPermit(permitOf(2)),
      (tx) => consume(tx, issued(2)),
    );
    expect(await due()).toMatchObject({ record: { permitId: permitOf(2) }, doubted: true });
    await dbs()[0].query("DELETE FROM permit");
  });

  it("fold every log into a permit while its partition changes hands", async () => {
    await overlapped(
      (tx) => consume(tx, posted(3)),
      (tx) => consume(tx, issued(3)),
    );
    expect(await due()).toMatchObject({ record: { permitId: permitOf(3), state: "Posted" } });
  });
});
