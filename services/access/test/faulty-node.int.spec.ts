import { openBlockReader, openRpcProvider } from "@cos/chain";
import { ChainEvent, stageToJSON } from "@cos/proto/chain";
import { type Db, openEmbeddedStore, readOutbox, type Store } from "@cos/store";
import { type FaultyRpc, rules, startFaultyRpc } from "@cos/testkit";
import type { JsonRpcProvider } from "ethers";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { contractLogReader } from "../src/adapters/chain/contract-log-reader.ts";
import { rpcWitness } from "../src/adapters/chain/rpc-witness.ts";
import { accessMigrations } from "../src/adapters/store/migrations.ts";
import { sqlMirrorStore } from "../src/adapters/store/sql-mirror-store.ts";
import { sqlReadModels } from "../src/adapters/store/sql-read-models.ts";
import { createMirror, type MirrorOptions, type MirrorStep } from "../src/app/mirror.ts";
import { resumeMirror, rewindMirror } from "../src/app/operate-mirror.ts";
import { createWitnessCheck } from "../src/app/watch-witness.ts";
import { startWorld, type World } from "./world.ts";

let world: World;
/** A node that knows the same first blocks, and then goes its own way. */
let rpc: FaultyRpc;
let provider: JsonRpcProvider;
let store: Store;
let snapshot: string;

beforeAll(async () => {
  [world, store] = await Promise.all([startWorld(), openEmbeddedStore()]);
  rpc = await startFaultyRpc(world.anvil.rpcUrl);
  provider = openRpcProvider(rpc.url, { chainId: world.anvil.chainId, timeoutMs: 2_000 });
  await world.publishDataset();
  await world.grantAccess();
  await world.approveProgram();
  snapshot = await world.provider.send("evm_snapshot", []);
});
afterAll(async () => {
  provider.destroy();
  await rpc.close();
  await world.stop();
  await store.close();
});
beforeEach(async () => {
  await world.provider.send("evm_revert", [snapshot]);
  snapshot = await world.provider.send("evm_snapshot", []);
});
afterEach(() => rpc.clear());

/** A mirror behind the faulty node, with an empty database. */
async function openMirror(options: Partial<MirrorOptions> = {}) {
  const db = store.schema("access");
  await db.inTransaction(async (tx) => {
    await tx.query("DROP SCHEMA IF EXISTS access CASCADE");
  });
  await db.migrate(accessMigrations);
  return attach(db, options);
}

function attach(db: Db, options: Partial<MirrorOptions> = {}) {
  const mirrorStore = sqlMirrorStore(db);
  const reader = contractLogReader(openBlockReader(provider), world.addresses);
  const all = {
    depth: 0,
    startBlock: world.firstBlock,
    batch: 16,
    maxLogs: 1_000,
    fetchers: 4,
    catchUpBlocks: 64,
  };
  const step = createMirror(reader, mirrorStore, { ...all, ...options });
  return {
    db,
    store: mirrorStore,
    reader,
    step,
    models: sqlReadModels(db),
    resume: resumeMirror(reader, mirrorStore),
    rewind: rewindMirror(reader, mirrorStore),
    settle: async (): Promise<MirrorStep> => {
      for (let each = 0; each < 200; each++) {
        const did = await step();
        if (did.did === "idle" || did.did === "halted") return did;
      }
      throw new Error("the mirror does not come to rest");
    },
    /** Steps until it has read everything, whatever fails on the way. */
    settleSomehow: async (): Promise<number> => {
      let failures = 0;
      for (let each = 0; each < 300; each++) {
        const did = await step().catch(() => undefined);
        if (did === undefined) failures++;
        else if (did.did === "idle" && did.synced) return failures;
      }
      throw new Error("the mirror does not come to rest");
    },
    cursor: async () => (await mirrorStore.state())?.cursor,
    /** What was published about permits, such as `jobPermitIssued CONFIRMED`. */
    said: async (about: readonly string[] = ["jobPermitIssued"]) =>
      (await readOutbox(db, 10_000))
        .map(({ value }) => ChainEvent.decode(value))
        .filter(({ event }) => about.includes(event?.$case ?? ""))
        .map(({ event, stage }) => `${event?.$case} ${stageToJSON(stage).replace("STAGE_", "")}`),
    logs: async () =>
      (await db.query("SELECT block_number, log_index, block_hash, stage FROM chain_log ORDER BY 1, 2")).rows,
  };
}

describe("reorganisations while a page is on its way", () => {
  it("two of them, between the header and its receipts, leave the logs of the last chain alone", async () => {
    const mirror = await openMirror();
    await mirror.settle();
    await world.issuePermit({}, 1);
    let reorgs = 0;
    rpc.rule("eth_getBlockReceipts", async (_call, forward) => {
      if (reorgs < 2) {
        reorgs++;
        await world.reorganise(1); // the block that is asked for is gone before its receipts are read
        await world.issuePermit({}, 1 + reorgs);
      }
      return forward();
    });
    await mirror.settleSomehow();
    expect(reorgs).toBe(2);
    const onChain = await world.provider.getLogs({
      fromBlock: world.firstBlock,
      toBlock: "latest",
      address: Object.values(world.addresses),
    });
    expect((await mirror.logs()).map((row) => row.block_hash)).toEqual(
      onChain.map(({ blockHash }) => blockHash),
    );
    const said = await mirror.said();
    const standing = said.filter((each) => each.endsWith("CONFIRMED")).length;
    expect(standing - said.filter((each) => each.endsWith("RETRACTED")).length).toBe(1);
  });

  it("the same transaction in two blocks is retracted in the one and confirmed in the other", async () => {
    const mirror = await openMirror();
    await world.mine(1);
    const permitId = await world.issuePermit();
    const first = await world.provider.getBlock("latest", false);
    const hash = first?.transactions[0] ?? "";
    const raw = await world.provider.send("debug_getRawTransaction", [hash]);
    await mirror.settle();
    await world.provider.send("anvil_reorg", [2, [[raw, 0]]]); // the same transaction a block earlier
    await mirror.settle();
    const receipt = await world.provider.getTransactionReceipt(hash);
    expect(receipt?.blockHash).not.toBe(first?.hash);
    expect(await mirror.said()).toEqual([
      "jobPermitIssued CONFIRMED",
      "jobPermitIssued RETRACTED",
      "jobPermitIssued CONFIRMED",
    ]);
    const trail = await mirror.models.auditTrail({ kind: "permit", id: permitId });
    expect(new Set(trail.map(({ log }) => log.blockHash))).toEqual(new Set([receipt?.blockHash]));
  });
});

describe("a load balancer", () => {
  it("whose second node is behind its own head never takes the mirror back, nor past what the node has", async () => {
    await world.issuePermit({}, 1);
    const mirror = await openMirror({ batch: 4 });
    const height = await world.provider.getBlockNumber();
    // Every other answer comes from a node that has not seen the last three blocks.
    const behind = rules.change((block, { params: [at] }) => {
      if (at === "latest" || at === "finalized") return block;
      return Number(at) > height - 3 ? null : block;
    });
    rpc.rule("eth_getBlockByNumber", rules.alternate(rules.forward(), behind));
    let tip = -1;
    let steps = 0;
    for (; tip < height && steps < 300; steps++) {
      const did = await mirror.step().catch(() => undefined);
      expect(did?.did).not.toBe("rolled-back");
      expect(did?.did).not.toBe("halted");
      const now = (await mirror.cursor())?.mirrored.number ?? -1;
      expect(now).toBeGreaterThanOrEqual(tip);
      tip = now;
    }
    expect(tip).toBe(height);
    expect(await mirror.said()).toContain("jobPermitIssued CONFIRMED");
  });

  it("whose second node lacks blocks in a reorganisation makes it wait, and not go back too far", async () => {
    const mirror = await openMirror();
    await world.mine(6);
    await world.issuePermit();
    await mirror.settle();
    const before = await mirror.cursor();
    await world.reorganise(1);
    const height = await world.provider.getBlockNumber();
    // The head differs, and the node that is then asked for the blocks below it has none of the last eight.
    let asked = 0;
    rpc.rule(
      "eth_getBlockByNumber",
      rules.change((block, { params: [at] }) => {
        if (at === "latest" || at === "finalized") return block;
        asked++;
        return Number(at) > height - 8 && asked > 1 ? null : block;
      }),
    );
    await expect(mirror.step()).rejects.toMatchObject({ code: "NODE_BEHIND" });
    expect(await mirror.cursor()).toEqual(before);
    rpc.clear();
    expect(await mirror.step()).toMatchObject({ did: "rolled-back", to: height - 1 });
  });

  it("that answers for another chain is a fault, not a reorganisation", async () => {
    const mirror = await openMirror();
    await mirror.settle();
    const before = await mirror.cursor();
    rpc.rule("eth_getBlockByNumber", async (_call, forward) => {
      const said = await forward();
      const genesis = await world.provider.send("eth_getBlockByNumber", ["0x0", false]);
      return "result" in said ? { result: genesis } : said;
    });
    rpc.rule(
      "eth_chainId",
      rules.change(() => "0x1"),
    );
    await mirror.step().catch(() => {});
    expect(await mirror.cursor()).toEqual(before);
    expect((await mirror.store.state())?.haltReason).toBe("");
  });

  it("with a head that is behind the mirror is not taken for news of now", async () => {
    const mirror = await openMirror();
    await mirror.settle();
    const height = await world.provider.getBlockNumber();
    const old = await world.provider.send("eth_getBlockByNumber", [`0x${(height - 3).toString(16)}`, false]);
    rpc.rule(
      "eth_getBlockByNumber",
      rules.change((block, { params: [at] }) => (at === "latest" ? old : block)),
    );
    expect(await mirror.step()).toMatchObject({ did: "idle", synced: false, tip: height, head: height - 3 });
  });

  it("whose final block is of another chain finalises nothing", async () => {
    const mirror = await openMirror();
    await world.issuePermit();
    const other = `0x${"77".repeat(32)}`;
    await world.mine(6);
    const honest = openBlockReader(provider);
    const lying = {
      ...contractLogReader(honest, world.addresses),
      finalized: async () => {
        const final = await honest.finalized();
        return final && { ...final, hash: other };
      },
    };
    const options = {
      depth: 0,
      startBlock: world.firstBlock,
      batch: 100,
      maxLogs: 1_000,
      fetchers: 4,
      catchUpBlocks: 64,
    };
    await createMirror(lying, mirror.store, options)();
    expect(await mirror.said()).toEqual(["jobPermitIssued CONFIRMED"]);
    await mirror.settle();
    expect(await mirror.said()).toEqual(["jobPermitIssued CONFIRMED", "jobPermitIssued FINALIZED"]);
  });
});

describe("pages that cannot be used", () => {
  it.each<[string, string, Parameters<typeof rules.alternate>[0]]>([
    ["dropped", "*", rules.drop()],
    ["answered and lost", "*", rules.loseAnswer()],
    ["asked for twice", "*", rules.twice()],
    ["refused", "*", rules.fail("rate limit exceeded", -32_005)],
    ["empty", "eth_getBlockReceipts", rules.change(() => [])],
    ["null", "eth_getBlockReceipts", rules.change(() => null)],
    ["truncated", "eth_getBlockReceipts", rules.change((page: unknown[]) => page.slice(0, -1))],
    [
      "cut within a receipt",
      "eth_getBlockReceipts",
      rules.change((page: { logs: unknown[] }[]) =>
        page.map((each) => ({ ...each, logs: each.logs.slice(1) })),
      ),
    ],
    [
      "full of removed logs",
      "eth_getBlockReceipts",
      rules.change((page: { logs: object[] }[]) =>
        page.map((each) => ({ ...each, logs: each.logs.map((log) => ({ ...log, removed: true })) })),
      ),
    ],
    ["of text in place of objects", "eth_getBlockReceipts", rules.change(() => "oops")],
    [
      "headers without their bloom",
      "eth_getBlockByNumber",
      rules.change((block) => block && { ...block, logsBloom: undefined }),
    ],
    [
      "headers without their time",
      "eth_getBlockByNumber",
      rules.change((block) => block && { ...block, timestamp: undefined }),
    ],
    [
      "headers without their transactions",
      "eth_getBlockByNumber",
      rules.change((block) => block && { ...block, transactions: undefined }),
    ],
    [
      "headers without a receipts root",
      "eth_getBlockByNumber",
      rules.change((block) => block && { ...block, receiptsRoot: null }),
    ],
    [
      "headers whose number is no number",
      "eth_getBlockByNumber",
      rules.change((block) => block && { ...block, number: "latest" }),
    ],
  ])(
    "%s: every other call, and still each log is mirrored and published once",
    async (_name, method, fault) => {
      await world.issuePermit();
      const calm = await openMirror();
      await calm.settle();
      const expected = { logs: await calm.logs(), said: await calm.said() };
      const mirror = await openMirror({ batch: 3, fetchers: 2 });
      // Calls of one moment are one request, which a lost connection loses whole.
      const good = Array.from({ length: method === "*" ? 30 : 4 }, rules.forward);
      rpc.rule(method, rules.alternate(fault, ...good));
      await mirror.settleSomehow();
      expect(await mirror.logs()).toEqual(expected.logs);
      expect((await mirror.said()).toSorted()).toEqual(expected.said.toSorted());
      const ids = (await readOutbox(mirror.db, 10_000)).map(({ headers }) => headers.messageId);
      expect(new Set(ids).size).toBe(ids.length);
    },
  );

  it("goes as far as the pages are good, and stops before the bad one", async () => {
    const mirror = await openMirror({ batch: 100, fetchers: 1 });
    const bad = world.firstBlock + 4;
    rpc.rule(
      "eth_getBlockByNumber",
      rules.change((block, { params: [at] }) => (Number(at) === bad ? { ...block, hash: null } : block)),
    );
    await mirror.step();
    expect((await mirror.cursor())?.mirrored.number).toBe(bad - 1);
    await expect(mirror.step()).rejects.toMatchObject({ code: "FIELD_MISSING" });
    expect((await mirror.cursor())?.mirrored.number).toBe(bad - 1);
  });

  it("a node that hangs fails within the time limit", async () => {
    const mirror = await openMirror();
    rpc.rule("eth_getBlockByNumber", () => new Promise(() => {}));
    await expect(mirror.step()).rejects.toMatchObject({ code: "NODE_FAILED" });
  });
});

describe("on an operator's word", () => {
  it("rewinds: says first what it would take back, then takes it back and reads it again", async () => {
    const mirror = await openMirror();
    const permitId = await world.issuePermit();
    await mirror.settle();
    const from = await world.provider.getBlockNumber();
    const [before, model] = [await mirror.logs(), await mirror.models.get("permit", permitId)];
    expect(await mirror.rewind(from, true)).toEqual({ ok: true, value: { fromBlock: from, retracted: 3 } });
    expect(await mirror.logs()).toEqual(before);
    expect(await mirror.rewind(from, false)).toEqual({ ok: true, value: { fromBlock: from, retracted: 3 } });
    expect(await mirror.models.get("permit", permitId)).toBeUndefined();
    await mirror.settle();
    expect(await mirror.logs()).toEqual(before);
    expect(await mirror.models.get("permit", permitId)).toEqual(model);
    expect(await mirror.said()).toEqual([
      "jobPermitIssued CONFIRMED",
      "jobPermitIssued RETRACTED",
      "jobPermitIssued CONFIRMED",
    ]);
    expect(await mirror.rewind(from + 10, false)).toMatchObject({
      error: { code: "OUT_OF_RANGE", tip: from },
    });
  });

  it("does not take a node that is behind for one that took blocks back", async () => {
    const mirror = await openMirror();
    await mirror.settle();
    const height = await world.provider.getBlockNumber();
    const state = await mirror.store.state();
    await mirror.store.inTransaction((tx) => tx.saveCursor({ ...state!, haltReason: "a reason" }));
    const old = await world.provider.send("eth_getBlockByNumber", [`0x${(height - 3).toString(16)}`, false]);
    rpc.rule(
      "eth_getBlockByNumber",
      rules.change((block, { params: [at] }) => (at === "latest" ? old : block)),
    );
    await expect(mirror.resume("a reason", false)).rejects.toMatchObject({ code: "NODE_BEHIND" });
    rpc.clear();
    // The node is on the mirror's chain after all: nothing is taken back.
    expect(await mirror.resume("a reason", false)).toEqual({
      ok: true,
      value: { fromBlock: height + 1, retracted: 0 },
    });
  });
});

describe("a second node", () => {
  async function openWitness(depth = 0) {
    const mirror = await openMirror();
    await mirror.settle();
    let now = 1_000;
    const second = await startFaultyRpc(world.anvil.rpcUrl);
    const secondProvider = openRpcProvider(second.url, { chainId: world.anvil.chainId, timeoutMs: 1_000 });
    const head = await world.provider.getBlockNumber();
    const check = createWitnessCheck(
      rpcWitness(secondProvider, openBlockReader(secondProvider), world.addresses),
      mirror.store,
      { read: () => ({ state: "following", syncedAt: 0, tip: head, head, haltReason: "" }) },
      { depth, maxGapBlocks: 4, maxSilenceSeconds: 30, now: () => now },
    );
    return {
      mirror,
      second,
      check,
      pass: (seconds: number) => {
        now += seconds;
      },
      close: async () => {
        secondProvider.destroy();
        await second.close();
      },
    };
  }

  it("that tells the same is agreement; its silence counts after the time it is given", async () => {
    const { check, second, pass, close } = await openWitness();
    expect(await check()).toBeUndefined();
    second.rule("*", rules.drop());
    pass(30);
    expect(await check()).toBeUndefined();
    pass(1);
    expect(await check()).toMatch(/^SILENT/);
    second.clear();
    expect(await check()).toBeUndefined();
    await close();
  });

  it("that names another block, another chain, or a head far away is a dispute", async () => {
    const { check, second, close } = await openWitness(2);
    const height = await world.provider.getBlockNumber();
    const older = await world.provider.send("eth_getBlockByNumber", [
      `0x${(height - 3).toString(16)}`,
      false,
    ]);
    second.rule(
      "eth_chainId",
      rules.change(() => "0x1"),
    );
    expect(await check()).toMatch(/^OTHER_CHAIN 1/);
    second.clear();
    second.rule(
      "eth_getBlockByNumber",
      rules.change((block, { params: [at] }) =>
        at === "latest" ? block : { ...older, number: block?.number },
      ),
    );
    expect(await check()).not.toMatch(/^CHAINS_DIFFER/); // a forged header is no statement at all
    second.clear();
    const genesis = await world.provider.send("eth_getBlockByNumber", ["0x0", false]);
    second.rule(
      "eth_getBlockByNumber",
      rules.change(() => genesis),
    );
    expect(await check()).toMatch(/^HEADS_APART/);
    await close();
  });

  it("on another fork is a dispute, until the mirror's node follows it", async () => {
    const { check, mirror, second, close } = await openWitness();
    await world.issuePermit();
    await mirror.settle();
    const tip = await world.provider.getBlockNumber();
    await world.reorganise(1); // the mirror has not looked since: its chain and the second node's differ
    expect(await check()).toBe(`CHAINS_DIFFER at block ${tip}`);
    await mirror.settle();
    expect(await check()).toBeUndefined();
    await second.close();
    await close().catch(() => {});
  });

  it("that tells of a revocation which the mirror lacks is a dispute, until the mirror has it", async () => {
    const { check, mirror, close } = await openWitness();
    await world.call("owner", "AccessACL", "revoke", 1);
    await mirror.settle();
    const block = await world.provider.getBlockNumber();
    const { rows } = await mirror.db.query<{ log_index: number }>(
      "DELETE FROM chain_log WHERE block_number = $1 RETURNING log_index",
      [block],
    );
    const missing = `REVOCATION_MISSED block ${block} log ${rows[0]?.log_index}`;
    expect(await check()).toBe(missing);
    expect(await check()).toBe(missing);
    await mirror.rewind(block, false);
    await mirror.settle();
    expect(await check()).toBeUndefined();
    await close();
  });
});
