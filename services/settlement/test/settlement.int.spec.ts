import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { interfaceOf } from "@cos/chain";
import { type EmbeddedObjects, objectKey, openEmbeddedObjects, readObject } from "@cos/objects";
import { SettlementServiceService } from "@cos/proto/settlement";
import { asAddress, asDigest, PermitState, type PermitStateName } from "@cos/protocol";
import { createGrpcClient } from "@cos/service-host";
import { openEmbeddedStore, type Store } from "@cos/store";
import { StandardMerkleTree } from "@openzeppelin/merkle-tree";
import { encodeBytes32String, id } from "ethers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { statementOf } from "../src/app/statements.ts";
import { composeSettlement } from "../src/index.ts";
import { configFor, type Harness, openHarness } from "./harness.ts";
import { fee, purpose, startWorld, type World } from "./world.ts";

let world: World;
let store: Store;
let objects: EmbeddedObjects;
let folder: string;
let snapshot: string;
let harness: Harness;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-settlement-objects-"));
  [world, store, objects] = await Promise.all([
    startWorld(),
    openEmbeddedStore(),
    openEmbeddedObjects({ dataDir: folder }),
  ]);
  snapshot = await world.provider.send("evm_snapshot", []);
});
afterAll(async () => {
  await world.stop();
  await store.close();
  await objects.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  await world.provider.send("evm_revert", [snapshot]);
  snapshot = await world.provider.send("evm_snapshot", []);
  harness = await openHarness(world, store, objects.store);
});
afterEach(() => harness.close());

const commitment = id("a result");
const completed = (value = commitment) => ({
  $case: "jobCompleted",
  value: { resultCommitment: Buffer.from(value.slice(2), "hex"), resultUri: "cos-object:aa" },
});
const ended = ($case: "jobRejected" | "jobFailed" | "jobCancelled", reason: string) => ({
  $case,
  value: { reason },
});

const stateOf = async (permitId: string): Promise<PermitStateName | undefined> => {
  const value = Number(await world.view("JobPermits", "stateOf", permitId));
  return (Object.keys(PermitState) as PermitStateName[]).find((name) => PermitState[name] === value);
};
const balanceOf = (account: string): Promise<bigint> =>
  world.view("Settlement", "balanceOf", world.addresses.CreditToken, account);
const transactionsOf = (signer: { address: string }) => world.provider.getTransactionCount(signer.address);

describe("a permit's way", () => {
  it("posts, is accepted, and pays exactly once, though every event comes twice", async () => {
    const permitId = await world.issuePermit();
    await harness.job(permitId, completed());
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Accepted");
    expect(await transactionsOf(world.people.settler)).toBe(2); // one result, one acceptance
    expect(await balanceOf(world.people.settler.address)).toBe(fee.compute);
    expect(await harness.intents()).toMatchObject({
      [`post-result:${permitId}`]: { state: "confirmed", broadcasts: 1 },
      [`accept:${permitId}`]: { state: "confirmed", broadcasts: 1 },
    });
    await world.mine(4);
    await harness.settle();
    expect((await harness.intents())[`accept:${permitId}`]).toMatchObject({ state: "final" });
    expect(await harness.news()).toEqual(["post-result transactionConfirmed", "accept transactionConfirmed"]);
  });

  it("gives the fee back with the job's reason when it fails or is rejected", async () => {
    const permitId = await world.issuePermit();
    await harness.job(permitId, ended("jobRejected", "OVERFLOW"));
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Refunded");
    expect(await balanceOf(world.people.researcher.address)).toBe(fee.total);
    const [log] = await world.provider.getLogs({
      fromBlock: world.firstBlock,
      topics: [interfaceOf("JobPermits").getEvent("JobRefunded")?.topicHash ?? ""],
    });
    const refunded = log && interfaceOf("JobPermits").parseLog(log);
    expect(refunded?.args.detail).toBe(encodeBytes32String("OVERFLOW"));
  });

  it("voids what was revoked, with or without the job's word, and never on a false alarm", async () => {
    const permitId = await world.issuePermit();
    await harness.job(permitId, ended("jobCancelled", "GRANT_REVOKED"));
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Issued"); // every grant stands: the chain says so
    await world.call("owner", "AccessACL", "revoke", 1);
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Refunded");
    expect(await balanceOf(world.people.researcher.address)).toBe(fee.total);
  });

  it("voids, when simulation shows that a result comes after the revocation", async () => {
    const permitId = await world.issuePermit();
    await harness.learn();
    await world.call("owner", "AccessACL", "revoke", 1); // not mirrored yet
    await harness.job(permitId, completed());
    await harness.runPasses();
    expect((await harness.intents())[`post-result:${permitId}`]).toMatchObject({
      state: "failed",
      failure: "JobPermits_GrantNotLive",
      failureFacts: { grantId: "1" },
    });
    await harness.runPasses();
    expect(await stateOf(permitId)).toBe("Refunded");
    expect(await transactionsOf(world.people.settler)).toBe(1);
  });

  it("expires a permit on its second, not before, and posts nothing after", async () => {
    const permitId = await world.issuePermit({ expiry: (await world.blockTime()) + 1_000 });
    await world.passTime(900);
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Issued");
    await world.passTime(101);
    await harness.job(permitId, completed());
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Refunded");
    expect(await harness.intents()).not.toHaveProperty(`post-result:${permitId}`);
  });

  it("accepts after the challenge window, lapses after the release window", async () => {
    const permitId = await world.issuePermit({ challengeWindow: 500, releaseWindow: 700 });
    await harness.job(permitId, completed());
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Posted");
    await world.passTime(501);
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Accepted");
    await world.passTime(690);
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Accepted");
    await world.passTime(20);
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Lapsed");
    expect(await balanceOf(world.people.researcher.address)).toBe(fee.data);
  });

  it("waits for the chain's clock when its own runs ahead", async () => {
    const permitId = await world.issuePermit({ challengeWindow: 500 });
    await harness.job(permitId, completed());
    await harness.settle();
    harness.advanceClock(600);
    await harness.runPasses();
    await harness.runPasses();
    expect((await harness.intents())[`accept:${permitId}`]).toMatchObject({ state: "pending" });
    await world.passTime(601);
    harness.advanceClock(2);
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Accepted");
  });

  it("takes an acceptance by somebody else for done", async () => {
    const permitId = await world.issuePermit();
    await harness.job(permitId, completed());
    await harness.learn();
    await harness.runPasses(); // decides and posts
    await harness.learn();
    await harness.passesWith()[1]?.run(); // decides to accept; not sent yet
    await world.call("researcher", "JobPermits", "accept", permitId);
    await harness.settle();
    expect((await harness.intents())[`accept:${permitId}`]).toMatchObject({
      state: "final",
      transactionHash: "",
    });
    expect(await transactionsOf(world.people.settler)).toBe(1);
  });

  it("leaves permits of other operators alone", async () => {
    await world.call("admin", "Authority", "grantRole", id("SETTLER"), world.people.owner.address);
    const permitId = await world.issuePermit({ operator: world.people.owner.address });
    await harness.job(permitId, completed());
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Issued");
    expect(await harness.intents()).toEqual({});
  });
});

describe("reorganisations", () => {
  it("posts again, under the same intent, when a reorg undid the post", async () => {
    const permitId = await world.issuePermit({ challengeWindow: 500 });
    await harness.job(permitId, completed());
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Posted");
    await world.reorganise(1);
    expect(await stateOf(permitId)).toBe("Issued");
    harness.advanceClock(11); // time to hand the bytes over again
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Posted");
    expect((await harness.intents())[`post-result:${permitId}`]).toMatchObject({ broadcasts: 2 });
    expect(await transactionsOf(world.people.settler)).toBe(1);
  });

  it("forgets a permit whose issue was undone, and its money with it", async () => {
    await world.issuePermit();
    await harness.learn();
    const statement = statementOf(harness.queries);
    const researcher = asAddress(world.people.researcher.address);
    expect((await statement(researcher)).lines).toHaveLength(1);
    await world.reorganise(1);
    await harness.settle();
    expect((await statement(researcher)).lines).toEqual([]);
    expect((await harness.db.query("SELECT * FROM permit")).rows).toEqual([]);
  });
});

describe("trouble on the way", () => {
  it("counts a broadcast whose answer was lost", async () => {
    const permitId = await world.issuePermit({ challengeWindow: 500 });
    await harness.job(permitId, completed());
    await harness.learn();
    const deaf = new Proxy(world.provider, {
      get: (provider, name) => {
        const member = Reflect.get(provider, name, provider);
        if (name !== "broadcastTransaction")
          return typeof member === "function" ? member.bind(provider) : member;
        return async (raw: string) => {
          await provider.broadcastTransaction(raw);
          throw Object.assign(new Error("timeout"), { code: "TIMEOUT" });
        };
      },
    });
    const passes = harness.passesWith({ chain: { provider: deaf, addresses: world.addresses } });
    await expect(harness.runPasses(passes)).rejects.toThrow("timeout");
    expect((await harness.intents())[`post-result:${permitId}`]).toMatchObject({ state: "signed" });
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Posted");
    expect(await transactionsOf(world.people.settler)).toBe(1);
  });

  it("goes on with the others when one intent cannot even be simulated", async () => {
    const [stuck, fine] = [await world.issuePermit(), await world.issuePermit()];
    for (const permitId of [stuck, fine]) await harness.job(permitId, completed());
    await harness.learn();
    const provider = new Proxy(world.provider, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target);
        if (name !== "estimateGas") return typeof member === "function" ? member.bind(target) : member;
        return async (request: { data: string }) => {
          if (request.data.includes(stuck.slice(2))) throw new Error("the node makes no sense of it");
          return target.estimateGas(request);
        };
      },
    });
    const passes = harness.passesWith({ chain: { provider, addresses: world.addresses } });
    await expect(harness.runPasses(passes)).rejects.toThrow("no sense");
    expect(await stateOf(fine)).toBe("Posted");
    await harness.settle();
    expect(await stateOf(stuck)).toBe("Accepted");
  });

  it("offers more for a stuck transaction, and counts whichever of the two is mined", async () => {
    await world.provider.send("anvil_setBalance", [world.people.settler.address, "0xde0b6b3a7640000"]);
    const permitId = await world.issuePermit({ challengeWindow: 500 });
    await harness.job(permitId, completed());
    await harness.learn();
    await world.provider.send("anvil_setNextBlockBaseFeePerGas", ["0x3b9aca00"]);
    await world.provider.send("evm_mine", []);
    await world.provider.send("evm_setAutomine", [false]);
    try {
      await harness.runPasses();
      const [first] = [(await harness.intents())[`post-result:${permitId}`]];
      harness.advanceClock(61);
      await harness.runPasses();
      const second = (await harness.intents())[`post-result:${permitId}`];
      expect(second?.nonce).toBe(first?.nonce);
      expect(second?.transactionHash).not.toBe(first?.transactionHash);
    } finally {
      await world.provider.send("evm_setAutomine", [true]);
    }
    await world.provider.send("evm_mine", []);
    await harness.learn();
    await harness.runPasses();
    expect(await stateOf(permitId)).toBe("Posted");
    expect(await transactionsOf(world.people.settler)).toBe(1);
    expect((await harness.intents())[`post-result:${permitId}`]).toMatchObject({ state: "confirmed" });
    await world.provider.send("anvil_setNextBlockBaseFeePerGas", ["0x0"]);
  });

  it("has one winner of two leaders that run at once: no nonce twice, no call twice", async () => {
    const permits = [];
    for (let each = 0; each < 3; each++) permits.push(await world.issuePermit());
    for (const permitId of permits) await harness.job(permitId, completed());
    const [one, two] = [harness.passesWith(), harness.passesWith()];
    for (let round = 0; round < 6; round++) {
      await harness.learn();
      await Promise.all([one, two].map((passes) => harness.runPasses(passes).catch(() => {})));
    }
    await harness.settle();
    for (const permitId of permits) expect(await stateOf(permitId)).toBe("Accepted");
    expect(await transactionsOf(world.people.settler)).toBe(6);
    const intents = Object.values(await harness.intents());
    expect(new Set(intents.map(({ nonce }) => nonce)).size).toBe(6);
  });

  it("ends in one result and one payment wherever it is killed", async () => {
    const permitId = await world.issuePermit();
    await harness.job(permitId, completed());
    let deaths = 0;
    for (let budget = 0; budget < 27; budget++) {
      await harness.learn();
      let left = budget % 9;
      const kill = () => {
        if (left-- <= 0) throw new Killed();
      };
      const dying = harness.passesWith({
        db: mortalDb(harness.db, kill),
        chain: {
          provider: mortal(world.provider, kill, ["broadcastTransaction", "estimateGas"]),
          addresses: world.addresses,
        },
      });
      try {
        await harness.runPasses(dying);
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        deaths++;
      }
    }
    expect(deaths).toBeGreaterThan(8);
    await harness.settle();
    expect(await stateOf(permitId)).toBe("Accepted");
    expect(await transactionsOf(world.people.settler)).toBe(2);
    expect(await balanceOf(world.people.settler.address)).toBe(fee.compute);
  });
});

describe("uses", () => {
  const ticket = (usedAt: number, grantId = "1") => ({
    datasetId: "1",
    grantId,
    grantee: Buffer.from(world.people.researcher.address.slice(2), "hex"),
    opMask: 1,
    redeemedAt: BigInt(usedAt),
  });

  it("go on chain as one root whose every leaf proves", async () => {
    harness.close();
    harness = await openHarness(world, store, objects.store, { BATCH_MAX_USES: "3" });
    await harness.learn();
    const at = await world.blockTime();
    for (const [index, name] of ["a", "b", "a", "c"].entries())
      await harness.ticket(id(name), ticket(at + index));
    await harness.settle();
    const [log] = await world.provider.getLogs({
      fromBlock: world.firstBlock,
      topics: [interfaceOf("UsageLog").getEvent("UsesBatched")?.topicHash ?? ""],
    });
    const batch = log && interfaceOf("UsageLog").parseLog(log)?.args;
    expect(batch?.toObject()).toMatchObject({ count: 3n, recorder: world.people.usage.address });
    const key = objectKey(asDigest(`0x${String(batch?.uri).replace("cos-object:", "")}`));
    const bytes = await readObject(objects.store, key, 1_000_000);
    if (!bytes.ok) throw new Error(bytes.error.code);
    const { types, leaves } = JSON.parse(Buffer.from(bytes.value).toString());
    const tree = StandardMerkleTree.of(leaves, types);
    expect(tree.root).toBe(batch?.root);
    for (const [index] of tree.entries()) {
      const leaf = tree.leafHash(leaves[index]);
      expect(await world.view("UsageLog", "isInBatch", batch?.batchId, leaf, tree.getProof(index))).toBe(
        true,
      );
    }
    const [useId, grantId, datasetId, grantee, op, purposeHash, usedAt] = leaves[0];
    const use = { useId, grantId, datasetId, grantee, op, purposeHash, usedAt };
    expect(purposeHash).toBe(purpose);
    expect(await world.view("UsageLog", "leafOf", use)).toBe(tree.leafHash(leaves[0]));
  });

  it("wait for company until the oldest has waited long enough", async () => {
    await harness.learn();
    await harness.ticket(id("a"), ticket(await world.blockTime()));
    await harness.settle();
    expect(await harness.intents()).toEqual({});
    harness.advanceClock(60);
    await harness.settle();
    expect(Object.keys(await harness.intents())).toHaveLength(1);
    expect(await transactionsOf(world.people.usage)).toBe(1);
  });

  it("are logged alone where the grant asks for it", async () => {
    await world.grantAudited();
    await harness.learn();
    await harness.ticket(id("a"), ticket(await world.blockTime(), "2"));
    await harness.ticket(id("a"), ticket(await world.blockTime(), "2"));
    await harness.settle();
    expect(await world.view("UsageLog", "isRecorded", 2, id("a"))).toBe(true);
    expect(await transactionsOf(world.people.usage)).toBe(1);
  });
});

it("answers statements from the ledger, as its own process would, and ends in order", async () => {
  await harness.close();
  const service = composeSettlement(configFor(world), { ...harness.partsWith(), log: harness.log });
  await service.start();
  const client = createGrpcClient(SettlementServiceService, service.grpcAddress);
  const statement = async (who: { address: string }) => {
    const account = Buffer.from(who.address.slice(2), "hex");
    const { lines, balances } = await client.getStatement({ account });
    return {
      lines: lines.map(({ kind, amount }) => `${kind} ${amount}`),
      balances: balances.map(({ amount }) => amount),
    };
  };
  try {
    const permitId = await world.issuePermit();
    await harness.job(permitId, completed());
    await expect
      .poll(
        async () => {
          await harness.learn();
          return stateOf(permitId);
        },
        { timeout: 60_000 },
      )
      .toBe("Accepted");
    await world.call("owner", "JobPermits", "release", permitId, 1, id("what left"), 1);
    await world.call(
      "owner",
      "Settlement",
      "withdraw",
      world.addresses.CreditToken,
      world.people.owner.address,
    );
    await harness.learn();
    expect(await statement(world.people.researcher)).toEqual({ lines: ["fee-locked -1000"], balances: [] });
    expect(await statement(world.people.settler)).toEqual({
      lines: ["compute-share 400"],
      balances: ["400"],
    });
    expect(await statement(world.people.admin)).toEqual({ lines: ["author-share 100"], balances: ["100"] });
    expect(await statement(world.people.owner)).toEqual({
      lines: ["data-share 500", "withdrawal -500"],
      balances: ["0"],
    });
    expect((await client.listIntents({ state: "" })).intents).toHaveLength(2);
    await expect(client.getStatement({ account: Buffer.alloc(19) })).rejects.toMatchObject({
      status: "INVALID_ARGUMENT",
      facts: { field: "account" },
    });
    await expect(client.listIntents({ state: "lost" })).rejects.toMatchObject({ status: "INVALID_ARGUMENT" });
  } finally {
    client.close();
    await service.stop();
  }
});

class Killed extends Error {}

/** Kills at any call of the named methods. */
const mortal = <T extends object>(target: T, kill: () => void, methods: readonly string[]): T =>
  new Proxy(target, {
    get: (object, name) => {
      const member = Reflect.get(object, name, object);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (methods.includes(String(name))) kill();
        return Reflect.apply(member, object, args);
      };
    },
  });

/** Kills at any statement, inside transactions too. */
const mortalDb = <D extends Harness["db"]>(db: D, kill: () => void): D =>
  new Proxy(db, {
    get: (object, name) => {
      if (name === "inTransaction") {
        return (work: (tx: never) => Promise<unknown>) =>
          object.inTransaction((tx) => work(mortal(tx, kill, ["query"]) as never));
      }
      const member = Reflect.get(object, name, object);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        if (name === "query") kill();
        return Reflect.apply(member, object, args);
      };
    },
  });
