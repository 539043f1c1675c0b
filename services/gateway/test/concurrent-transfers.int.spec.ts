import { type Address, asAddress, asDigest } from "@cos/protocol";
import { openPostgresStore, type Store } from "@cos/store";
import { createTestDatabase, realPart } from "@cos/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { gatewayMigrations } from "../src/adapters/store/migrations.ts";
import { sqlTickets } from "../src/adapters/store/sql-tickets.ts";
import { sqlTransfers } from "../src/adapters/store/sql-transfers.ts";
import { sqlUploads } from "../src/adapters/store/sql-uploads.ts";
import type { Transfer } from "../src/app/repositories.ts";

const server = realPart("postgres");
const holder: Address = asAddress(`0x${"11".repeat(20)}`);
const digest = (n: number) => asDigest(`0x${n.toString(16).padStart(64, "0")}`);

/** What one connection could not show: transactions of several gateways that really run beside each other. */
describe.skipIf(server === undefined)("gateways beside each other on one Postgres", () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let stores: Store[] = [];
  let turn = 0;
  beforeAll(async () => {
    database = await createTestDatabase(server!);
    stores = ["one", "two"].map((name) =>
      openPostgresStore({ url: database.url, applicationName: name, migrations: "run", poolSize: 20 }),
    );
    await stores[0]!.schema("gateway").migrate(gatewayMigrations);
  });
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await database?.drop();
  });
  beforeEach(() => {
    turn += 1000;
  });
  const gateways = () => stores.map((store) => store.schema("gateway"));
  const ticket = (n: number) => ({
    ticketId: digest(turn + n),
    holder,
    audience: "http://gateway",
    issuedAt: 100,
    expiresAt: 1_000,
    subject: { kind: "UPLOAD", maxBytes: 600 } as const,
  });
  const transfer = (n: number, scope: Transfer["scope"]): Transfer => ({
    tokenHash: digest(turn + 500 + n),
    ticketId: digest(turn + n),
    holder,
    scope,
    bytesLeft: 100,
    expiresAt: 1_000,
  });

  it("close a transfer that is being written down while its grant is revoked", async () => {
    const [one, two] = gateways();
    await one!.inTransaction((tx) => sqlTickets.insert(tx, ticket(1)));
    const before = await sqlTransfers.closings(one!);
    const scope = {
      kind: "version",
      audience: "grantee",
      datasetId: "1",
      version: 1,
      grantId: `${turn}`,
      manifest: { digest: digest(7), sizeBytes: 1 },
    } as unknown as Transfer["scope"];
    const held = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const redeemed = one!.inTransaction(async (tx) => {
      expect(await sqlTransfers.holdClosings(tx)).toBe(before);
      held.resolve();
      await goOn.promise;
      await sqlTransfers.insert(tx, transfer(1, scope));
    });
    await held.promise;
    const revoked = two!.inTransaction((tx) => sqlTransfers.closeByGrant(tx, `${turn}`, 200));
    await waiting(stores[0]!, "two"); // the revocation stands at the lock
    goOn.resolve();
    await Promise.all([redeemed, revoked]);
    expect(await sqlTransfers.findOpen(one!, transfer(1, scope).tokenHash, 300)).toBeUndefined();
    expect(await sqlTransfers.closings(one!)).toBe(before + 1n);
  });

  it("redeem a ticket once, whoever is asked first", async () => {
    const [one, two] = gateways();
    await one!.inTransaction((tx) => sqlTickets.insert(tx, ticket(1)));
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        (n % 2 ? one! : two!).inTransaction((tx) => sqlTickets.redeem(tx, ticket(1).ticketId, 200)),
      ),
    );
    expect(answers.filter((answer) => answer === "redeemed").length).toBe(1);
  });

  it("issue no more tickets of a session than were reserved", async () => {
    const [one, two] = gateways();
    const issued = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        (n % 2 ? one! : two!).inTransaction((tx) => sqlTickets.countIssued(tx, digest(turn), 7)),
      ),
    );
    expect(issued.filter(Boolean).length).toBe(7);
  });

  it("promise an identity no more room than its quota has", async () => {
    const [one, two] = gateways();
    const sbtId = `${turn}`;
    const promised = await Promise.all(
      Array.from({ length: 10 }, (_, n) =>
        (n % 2 ? one! : two!).inTransaction(async (tx) => {
          if ((await sqlUploads.lockUsage(tx, sbtId, 200)) + 600 > 2_000) return false;
          await sqlTickets.insert(tx, ticket(n), sbtId);
          return true;
        }),
      ),
    );
    expect(promised.filter(Boolean).length).toBe(3); // 600 bytes each, 2,000 in all
  });

  it("take no byte of a budget twice", async () => {
    const [one, two] = gateways();
    await one!.inTransaction(async (tx) => {
      await sqlTickets.insert(tx, ticket(1));
      await sqlTransfers.insert(tx, transfer(1, { kind: "upload", sbtId: "1" }));
    });
    const { tokenHash } = transfer(1, { kind: "upload", sbtId: "1" });
    const taken = await Promise.all(
      Array.from({ length: 30 }, (_, n) => sqlTransfers.takeBytes(n % 2 ? one! : two!, tokenHash, 9, 200)),
    );
    expect(taken.filter(Boolean).length).toBe(11); // 11 * 9 <= 100 < 12 * 9
  });

  it("forget what is over, and nothing that a transfer still rests on", async () => {
    const [one] = gateways();
    await one!.inTransaction(async (tx) => {
      for (const n of [1, 2]) await sqlTickets.insert(tx, ticket(n));
      await sqlTickets.insert(tx, { ...ticket(3), expiresAt: 9_000 });
      await sqlTickets.redeem(tx, ticket(1).ticketId, 200);
      await sqlTickets.redeem(tx, ticket(2).ticketId, 200);
      await sqlTransfers.insert(tx, { ...transfer(2, { kind: "upload", sbtId: "1" }), expiresAt: 9_000 });
    });
    await sqlTransfers.deleteEnded(one!, 5_000);
    const found = [];
    for (const n of [1, 2, 3]) found.push((await sqlTickets.find(one!, ticket(n).ticketId)) !== undefined);
    expect(found).toEqual([false, true, true]);
  });
});

/** Resolves when a transaction of that process waits for another's lock. */
async function waiting(store: Store, applicationName: string): Promise<void> {
  const waits = async () => {
    const { rows } = await store
      .schema("public")
      .query<{ n: bigint }>(
        "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'",
        [applicationName],
      );
    return Number(rows[0]!.n);
  };
  await expect.poll(waits).toBeGreaterThan(0);
}
