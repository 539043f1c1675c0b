import { openRpcProvider } from "@cos/chain";
import { type EmbeddedObjects, openEmbeddedObjects } from "@cos/objects";
import { PermitState } from "@cos/protocol";
import { openEmbeddedStore, type Store } from "@cos/store";
import { type FaultyRpc, rules, startFaultyRpc, type TempFolder, tempFolder } from "@cos/testkit";
import { id, type JsonRpcProvider } from "ethers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { rpcChainSender } from "../src/adapters/chain/rpc-chain-sender.ts";
import { sqlSettlementStore } from "../src/adapters/store/sql-settlement-store.ts";
import { bumpIntent, cancelIntent } from "../src/app/operate-sender.ts";
import { type Harness, openHarness } from "./harness.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
let store: Store;
let objects: EmbeddedObjects;
let folder: TempFolder;
let rpc: FaultyRpc;
let provider: JsonRpcProvider;
let snapshot: string;
let harness: Harness;

beforeAll(async () => {
  folder = await tempFolder("sender");
  [world, store, objects] = await Promise.all([
    startWorld(),
    openEmbeddedStore(),
    openEmbeddedObjects({ dataDir: folder.path }),
  ]);
  rpc = await startFaultyRpc(world.rpcUrl);
  provider = openRpcProvider(rpc.url, { chainId: world.chainId, timeoutMs: 2_000 });
  snapshot = await world.provider.send("evm_snapshot", []);
});
afterAll(async () => {
  provider.destroy();
  await rpc.close();
  await world.stop();
  await store.close();
  await objects.close();
  await folder.remove();
});
beforeEach(async () => {
  await world.provider.send("evm_revert", [snapshot]);
  snapshot = await world.provider.send("evm_snapshot", []);
  harness = await openHarness(world, store, objects.store);
});
afterEach(async () => {
  rpc.clear();
  await world.provider.send("evm_setAutomine", [true]);
  await world.provider.send("anvil_dropAllTransactions", []);
  await world.provider.send("anvil_setNextBlockBaseFeePerGas", ["0x0"]);
  await harness.close();
});

const completed = {
  $case: "jobCompleted",
  value: { resultCommitment: Buffer.from(id("a result").slice(2), "hex"), resultUri: "cos-object:aa" },
};
const passesBehindFaults = () => harness.passesWith({ chain: { provider, addresses: world.addresses } });
const settlerNonce = () => world.provider.getTransactionCount(world.people.settler.address);
const isPosted = async (permitId: string) =>
  Number(await world.view("JobPermits", "stateOf", permitId)) === PermitState.Posted;
/** A permit whose result is to be posted, and nothing else for a while. */
async function postDue(): Promise<{ permitId: string; businessId: string }> {
  const permitId = await world.issuePermit({ challengeWindow: 500 });
  await harness.job(permitId, completed);
  await harness.learn();
  return { permitId, businessId: `post-result:${permitId}` };
}
const intentOf = async (businessId: string) => (await harness.intents())[businessId];
/** Blocks cost something from now on, and transactions stay in the pool until a block is asked for. */
async function askForFees(): Promise<void> {
  await world.provider.send("anvil_setBalance", [world.people.settler.address, "0xde0b6b3a7640000"]);
  await world.provider.send("anvil_setNextBlockBaseFeePerGas", ["0x3b9aca00"]);
  await world.provider.send("evm_mine", []);
  await world.provider.send("evm_setAutomine", [false]);
}
async function mineAndLook(blocks = 1): Promise<void> {
  await world.mine(blocks);
  await harness.learn();
  await harness.runPasses();
}

describe("a node that is unsure of itself", () => {
  it("times out after it has accepted: the transaction is found, and not sent as another", async () => {
    const { permitId, businessId } = await postDue();
    rpc.rule("eth_sendRawTransaction", rules.loseAnswer());
    await expect(harness.runPasses(passesBehindFaults())).rejects.toThrow();
    expect(await intentOf(businessId)).toMatchObject({ state: "signed", broadcasts: 0 });
    rpc.clear();
    await harness.runPasses(passesBehindFaults());
    expect(await intentOf(businessId)).toMatchObject({ state: "confirmed" });
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(1);
  });

  it("says that it knows the bytes already: they count as sent", async () => {
    const { permitId, businessId } = await postDue();
    await world.provider.send("evm_setAutomine", [false]);
    rpc.rule("eth_sendRawTransaction", rules.twice());
    await harness.runPasses(passesBehindFaults());
    expect(await intentOf(businessId)).toMatchObject({ state: "sent", broadcasts: 1 });
    await mineAndLook();
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(1);
  });

  it("says that the nonce is too low, because somebody else used the key: another nonce, once that is final", async () => {
    const { permitId, businessId } = await postDue();
    const foreign = { to: world.people.settler.address, nonce: 0, gasPrice: 0n };
    rpc.rule("eth_sendRawTransaction", async (_call, forward) => {
      await (await world.people.settler.sendTransaction(foreign)).wait();
      return forward();
    });
    await harness.runPasses(passesBehindFaults());
    expect(await intentOf(businessId)).toMatchObject({ state: "sent", nonce: 0 });
    expect(await isPosted(permitId)).toBe(false);
    rpc.clear();
    await mineAndLook(3);
    expect(await intentOf(businessId)).toMatchObject({ state: "sent", nonce: 0 }); // it may be ours, and its receipt late
    harness.advanceClock(10);
    await mineAndLook();
    await mineAndLook();
    expect(await intentOf(businessId)).toMatchObject({ nonce: 1 });
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(2); // the stranger's and ours, once
  });

  it("starts again with an empty mempool: the same bytes go again", async () => {
    const { permitId, businessId } = await postDue();
    await world.provider.send("evm_setAutomine", [false]);
    await harness.runPasses(passesBehindFaults());
    const first = await intentOf(businessId);
    await world.provider.send("anvil_dropAllTransactions", []);
    harness.advanceClock(9);
    await harness.runPasses(passesBehindFaults());
    expect(await intentOf(businessId)).toMatchObject({ broadcasts: 1 });
    harness.advanceClock(1);
    await harness.runPasses(passesBehindFaults());
    const second = await intentOf(businessId);
    expect(second).toMatchObject({ state: "sent", broadcasts: 2, transactionHash: first?.transactionHash });
    await mineAndLook();
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(1);
  });

  it("shows a receipt of a block that its final chain does not have: the intent does not end with it", async () => {
    const { permitId, businessId } = await postDue();
    await harness.runPasses(passesBehindFaults());
    await world.mine(4); // its block is final
    const elsewhere = `0x${"77".repeat(32)}`;
    rpc.rule(
      "eth_getTransactionReceipt",
      rules.change((receipt) => receipt && { ...receipt, blockHash: elsewhere }),
    );
    await harness.runPasses(passesBehindFaults());
    expect((await intentOf(businessId))?.state).not.toBe("final");
    rpc.rule(
      "eth_getTransactionReceipt",
      rules.change(() => null),
    ); // and then one that is behind
    await harness.runPasses(passesBehindFaults());
    expect(await intentOf(businessId)).toMatchObject({ nonce: 0 });
    rpc.clear();
    await harness.runPasses(passesBehindFaults());
    expect(await intentOf(businessId)).toMatchObject({ state: "final" });
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(1);
  });
});

describe("a stuck transaction", () => {
  it("is offered more for, and the replaced one counts when it is mined after all", async () => {
    const { permitId, businessId } = await postDue();
    await askForFees();
    await harness.runPasses(passesBehindFaults());
    const first = await intentOf(businessId);
    rpc.rule("eth_sendRawTransaction", rules.drop()); // no node hears of the better offer
    harness.advanceClock(61);
    await harness.runPasses(passesBehindFaults()).catch(() => {});
    const second = await intentOf(businessId);
    expect(second?.transactionHash).not.toBe(first?.transactionHash);
    rpc.clear();
    await mineAndLook();
    const mined = await intentOf(businessId);
    expect(mined).toMatchObject({ state: "confirmed", transactionHash: first?.transactionHash });
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(1);
  });

  it("whose better offer is called underpriced is offered more still, never over the cap", async () => {
    const { permitId, businessId } = await postDue();
    await askForFees();
    await harness.runPasses(passesBehindFaults());
    const refuse = rules.fail("replacement transaction underpriced");
    rpc.rule("eth_sendRawTransaction", rules.first(2, refuse));
    harness.advanceClock(61);
    for (let each = 0; each < 3; each++) await harness.runPasses(passesBehindFaults());
    const row = await sqlSettlementStore(harness.db).findIntent(businessId);
    const offers = row?.intent.transactions.map(({ fees }) => fees.maxFeePerGas) ?? [];
    expect(offers).toHaveLength(4); // the first, two that were refused, one that was taken
    for (const [at, offer] of offers.entries())
      if (at > 0) expect(offer * 10n).toBeGreaterThanOrEqual((offers[at - 1] ?? 0n) * 11n);
    expect(row?.intent.state).toBe("sent");
    await mineAndLook();
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(1);
  });

  it("that is refused at the cap waits and is tried again", async () => {
    await harness.close();
    harness = await openHarness(world, store, objects.store, { MAX_FEE_PER_GAS_WEI: "3000000000" });
    const { permitId, businessId } = await postDue();
    await askForFees();
    rpc.rule("eth_sendRawTransaction", rules.fail("transaction underpriced"));
    for (let each = 0; each < 8; each++) await harness.runPasses(passesBehindFaults());
    const row = await sqlSettlementStore(harness.db).findIntent(businessId);
    for (const { fees } of row?.intent.transactions ?? [])
      expect(fees.maxFeePerGas).toBeLessThanOrEqual(3_000_000_000n);
    rpc.clear();
    harness.advanceClock(11);
    await harness.runPasses(passesBehindFaults());
    await mineAndLook();
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(1);
  });
});

describe("leaders", () => {
  it("that change in the middle send the same bytes, not others", async () => {
    const { permitId, businessId } = await postDue();
    rpc.rule("eth_sendRawTransaction", rules.drop());
    await expect(harness.runPasses(passesBehindFaults())).rejects.toThrow(); // signed and stored; then this leader is gone
    const left = await intentOf(businessId);
    expect(left).toMatchObject({ state: "signed", nonce: 0 });
    await harness.runPasses(harness.passesWith()); // the next leader
    expect(await intentOf(businessId)).toMatchObject({ transactionHash: left?.transactionHash, nonce: 0 });
    expect(await isPosted(permitId)).toBe(true);
    rpc.clear();
    await harness.runPasses(passesBehindFaults()); // the old one comes back
    expect(await settlerNonce()).toBe(1);
  });

  it("that race for one nonce with different intents both go on, each with its own", async () => {
    const permits = [await postDue(), await postDue()];
    const db = sqlSettlementStore(harness.db);
    await harness.runPasses(harness.passesWith().filter(({ name }) => name === "decide-permits"));
    const rows = await Promise.all(permits.map(({ businessId }) => db.findIntent(businessId)));
    const signed = {
      hash: "0xaa",
      raw: "0x02",
      fees: { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n },
      sentAt: 0,
    };
    const take = (at: number) =>
      db.saveIntent(rows[at]!, { intent: { state: "signed", nonce: 0, transactions: [signed] }, now: 1 });
    const won = await Promise.all([take(0), take(1)]);
    expect(won.toSorted()).toEqual([false, true]);
  });
});

it("does nothing twice when the whole chain is told again, as other messages", async () => {
  const { permitId } = await postDue();
  await harness.settle();
  const [nonce, news, intents] = [await settlerNonce(), await harness.news(), await harness.intents()];
  expect(await isPosted(permitId)).toBe(true);
  await harness.forgetMirror(); // a mirror without memory publishes every log under ids of its own
  await harness.settle();
  await harness.settle();
  expect(await settlerNonce()).toBe(nonce);
  expect(await harness.news()).toEqual(news);
  expect(Object.keys(await harness.intents()).toSorted()).toEqual(Object.keys(intents).toSorted());
});

describe("an operator", () => {
  const operations = () => {
    const sender = rpcChainSender(
      provider,
      world.people.settler,
      world.chainId,
      world.addresses,
      500_000_000_000n,
    );
    const deps = {
      store: sqlSettlementStore(harness.db),
      senders: [sender],
      maxFeePerGasCap: 500_000_000_000n,
      now: () => 1,
    };
    return { bump: bumpIntent(deps), cancel: cancelIntent(deps) };
  };

  it("bumps before its time, after seeing what that would be", async () => {
    const { permitId, businessId } = await postDue();
    await askForFees();
    await harness.runPasses(passesBehindFaults());
    const before = await intentOf(businessId);
    const { bump } = operations();
    const foreseen = await bump(businessId, true);
    expect(foreseen).toMatchObject({ ok: true, value: { intent: { state: "signed", nonce: 0 } } });
    expect(await intentOf(businessId)).toEqual(before);
    expect(await bump(businessId, false)).toMatchObject({ ok: true });
    await harness.runPasses(passesBehindFaults());
    expect((await intentOf(businessId))?.transactionHash).not.toBe(before?.transactionHash);
    await mineAndLook();
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(1);
    expect(await bump(businessId, false)).toMatchObject({ error: { code: "TOO_LATE", state: "confirmed" } });
    expect(await bump("post-result:0xnothing", false)).toMatchObject({ error: { code: "NO_SUCH_INTENT" } });
  });

  it("cancels what is stuck: the nonce is spent on nothing, nobody is told of success, and the duty comes back", async () => {
    const { permitId, businessId } = await postDue();
    await askForFees();
    await harness.runPasses(passesBehindFaults());
    expect(await operations().cancel(businessId, false)).toMatchObject({ ok: true });
    await harness.runPasses(passesBehindFaults());
    await mineAndLook();
    expect(await isPosted(permitId)).toBe(false);
    expect(await intentOf(businessId)).toMatchObject({ state: "mined" });
    await mineAndLook(3);
    expect(await intentOf(businessId)).toMatchObject({ state: "failed", failure: "CANCELLED", nonce: 0 });
    expect(await harness.news()).toEqual(["post-result transactionFailed"]);
    await world.provider.send("evm_setAutomine", [true]);
    harness.advanceClock(61);
    await harness.settle();
    expect(await isPosted(permitId)).toBe(true);
    expect(await settlerNonce()).toBe(2);
  });

  it("cannot replace on a chain without fees, and is told so", async () => {
    const { businessId } = await postDue();
    await world.provider.send("evm_setAutomine", [false]);
    await harness.runPasses(passesBehindFaults());
    expect(await operations().cancel(businessId, false)).toMatchObject({
      error: { code: "NOT_REPLACEABLE" },
    });
  });
});
