import { randomBytes } from "node:crypto";
import { Wallet } from "ethers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { endOpenPromises } from "../src/adapters/store/after-restore.ts";
import { storeParts, storeVersion } from "./dataset-fixture.ts";
import { bytesOf, GatewayHarness, refusalOf } from "./gateway-harness.ts";

const harness = new GatewayHarness();
const grantee = Wallet.createRandom();
const READ = 1;

beforeAll(async () => {
  await harness.start();
  const version = await storeVersion(
    harness.objects.store,
    1,
    "append",
    await storeParts(harness.objects.store),
  );
  harness.access.setDataset({
    datasetId: "1",
    owner: bytesOf(Wallet.createRandom().address),
    versions: [
      {
        version: 1,
        reason: "initial",
        manifestUri: version.uri,
        manifestCommitment: bytesOf(version.commitment),
      },
    ],
  });
  harness.access.check = () => ({ allowed: true, version: 1 });
  await harness.mintIdentity(grantee, "2");
});
afterAll(() => harness.stop());

/** Reserves three tickets on chain. @returns what to ask for, and the block */
async function reserve() {
  const sessionId = randomBytes(32);
  const value = {
    sessionId,
    grantId: "5",
    count: 3n,
    grantee: bytesOf(grantee.address),
    opMask: READ,
    gateway: bytesOf(harness.gatewayKey.address),
  };
  const { blockNumber } = await harness.mirror({ $case: "ticketsReserved", value } as never);
  const wish = {
    kind: 2 as const,
    datasetId: "1",
    grantId: "5",
    sessionId,
    opMask: READ,
    purposeHash: randomBytes(32),
  };
  return { wish, block: Number(blockNumber) };
}

it("honours nothing that a lost life of its tables may have counted, and what comes after it", async () => {
  const caller = await harness.signIn(grantee);
  const before = await reserve();
  const open = await harness.issue(caller, before.wish);
  const redeemed = await harness.issue(caller, before.wish);
  await harness.redeem(caller, redeemed, grantee);

  await harness.store
    .schema("gateway")
    .inTransaction((tx) => endOpenPromises(tx, before.block, harness.clock));

  expect(await refusalOf(harness.redeem(caller, open, grantee))).toBe("TICKET_REVOKED");
  expect(await refusalOf(harness.issue(caller, before.wish))).toBe("SESSION_UNKNOWN");
  const { rows } = await harness.store
    .schema("gateway")
    .query("SELECT 1 FROM transfers WHERE closed_at IS NULL");
  expect(rows).toEqual([]);

  const after = await reserve();
  await harness.redeem(caller, await harness.issue(caller, after.wish), grantee);
});
