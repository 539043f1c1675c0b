import { contractAt, openBlockReader } from "@cos/chain";
import { ChainEvent, Stage, stageToJSON } from "@cos/proto/chain";
import { anyRegion, asAddress, asDatasetId, asDigest, asGrantId, reasons, refusalCodes } from "@cos/protocol";
import { type Db, openEmbeddedStore, readOutbox, type Store } from "@cos/store";
import { id } from "ethers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { contractLogReader } from "../src/adapters/chain/contract-log-reader.ts";
import { accessMigrations } from "../src/adapters/store/migrations.ts";
import { sqlMirrorStore } from "../src/adapters/store/sql-mirror-store.ts";
import { sqlReadModels } from "../src/adapters/store/sql-read-models.ts";
import { answerCheckAccess } from "../src/app/check-access.ts";
import { createMirror, type MirrorOptions, type MirrorStep } from "../src/app/mirror.ts";
import type { MirrorStore } from "../src/app/mirror-store.ts";
import { resumeMirror } from "../src/app/operate-mirror.ts";
import { program, purpose, startWorld, type World } from "./world.ts";

let world: World;
let store: Store;
let snapshot: string;
beforeAll(async () => {
  [world, store] = await Promise.all([startWorld(), openEmbeddedStore()]);
  await world.publishDataset();
  await world.grantAccess();
  await world.approveProgram();
  snapshot = await world.provider.send("evm_snapshot", []);
});
afterAll(async () => {
  await world.stop();
  await store.close();
});

/** A mirror with an empty database of its own. */
async function openMirror(options: Partial<MirrorOptions> = {}) {
  const db = store.schema("access");
  await db.inTransaction(async (tx) => {
    await tx.query("DROP SCHEMA IF EXISTS access CASCADE");
  });
  await db.migrate(accessMigrations);
  return attach(db, options);
}

const defaults = (): MirrorOptions => ({
  depth: 0,
  startBlock: world.firstBlock,
  batch: 16,
  maxLogs: 1_000,
  fetchers: 4,
  catchUpBlocks: 64,
});

/** A mirror over the database as it is: what a restarted process has. */
function attach(db: Db, options: Partial<MirrorOptions> = {}, wrap = (each: MirrorStore) => each) {
  const mirrorStore = wrap(sqlMirrorStore(db));
  const reader = contractLogReader(openBlockReader(world.provider), world.addresses);
  const step = createMirror(reader, mirrorStore, { ...defaults(), ...options });
  return {
    db,
    step,
    reader,
    store: mirrorStore,
    models: sqlReadModels(db),
    resume: resumeMirror(reader, mirrorStore),
    /** Steps until there is nothing to do. */
    settle: async (): Promise<MirrorStep> => {
      for (let each = 0; each < 200; each++) {
        const did = await step();
        if (did.did === "idle" || did.did === "halted") return did;
      }
      throw new Error("the mirror does not come to rest");
    },
    published: async () =>
      (await readOutbox(db, 10_000)).map(({ value, headers }) => {
        const event = ChainEvent.decode(value);
        return { event, id: headers.messageId, mode: headers.mode, said: describeEvent(event) };
      }),
    tables: async () => {
      const rows = async (sql: string) => (await db.query(sql)).rows;
      return {
        logs: await rows("SELECT block_number, log_index, event, stage FROM chain_log ORDER BY 1, 2"),
        models: await rows("SELECT kind, id, state FROM read_model ORDER BY 1, 2"),
        cursor: await rows("SELECT * FROM mirror_cursor"),
      };
    },
  };
}

const describeEvent = (event: ChainEvent): string =>
  `${event.event?.$case} ${stageToJSON(event.stage).replace("STAGE_", "")}`;

beforeEach(async () => {
  await world.provider.send("evm_revert", [snapshot]);
  snapshot = await world.provider.send("evm_snapshot", []);
});

describe("following a chain", () => {
  it("publishes every log of the contracts once, in block order, and folds them", async () => {
    const mirror = await openMirror();
    await mirror.settle();
    const published = await mirror.published();
    const business = published.filter(
      ({ event }) => event.stage === Stage.STAGE_CONFIRMED && event.event?.$case !== "otherLog",
    );
    expect(business.map(({ event }) => event.event?.$case)).toEqual([
      "identityMinted",
      "identityMinted",
      "datasetRegistered",
      "datasetVersioned",
      "accessRequested",
      "accessGranted",
      "algorithmRegistered",
      "algorithmStateChanged",
    ]);
    expect(new Set(published.map(({ id }) => id)).size).toBe(published.length);
    expect(await mirror.models.get("grant", "1")).toMatchObject({
      state: "granted",
      grantee: world.people.researcher.address.toLowerCase(),
    });
    expect(await mirror.models.get("dataset", "1")).toMatchObject({
      status: "active",
      versions: [{ version: 1, reason: "initial" }],
    });
  });

  it("finds the same counters as the contract after a permit was issued, used and given back", async () => {
    await world.issuePermit({}, 1);
    const cancelled = await world.issuePermit({}, 2);
    await world.call("researcher", "JobPermits", "cancel", cancelled);
    const mirror = await openMirror();
    await mirror.settle();
    const grant = await mirror.models.get("grant", "1");
    expect(grant?.spent).toMatchObject({ runsReserved: 1, releasesReserved: 1, runsUsed: 0 });
    expect(await mirror.models.get("permit", cancelled)).toMatchObject({
      state: "refunded",
      refundReason: "cancelled",
    });
  });

  it("confirms at the configured depth and not before, final when the chain says so", async () => {
    const permitId = await world.issuePermit();
    const mirror = await openMirror({ depth: 2 });
    await mirror.settle();
    expect(await mirror.models.get("permit", permitId)).toBeUndefined();
    expect(await mirror.models.unconfirmedLogsAbout({ kind: "permit", id: permitId })).not.toEqual([]);
    await world.mine(1);
    await mirror.settle();
    expect(await mirror.models.get("permit", permitId)).toBeUndefined();
    await world.mine(1);
    await mirror.settle();
    expect(await mirror.models.get("permit", permitId)).toMatchObject({ state: "issued" });
    await world.mine(4);
    await mirror.settle();
    const stages = (await mirror.published())
      .filter(({ event }) => event.event?.$case === "jobPermitIssued")
      .map(({ said }) => said);
    expect(stages).toEqual(["jobPermitIssued CONFIRMED", "jobPermitIssued FINALIZED"]);
  });

  it("marks what it reads long after as catching up, and what happens now as live", async () => {
    const mirror = await openMirror({ catchUpBlocks: 5, batch: 8 });
    await mirror.settle();
    await world.issuePermit();
    await mirror.settle();
    const modes = (await mirror.published()).map(({ mode, said }) => `${mode} ${said}`);
    expect(modes).toContain("catchup identityMinted CONFIRMED");
    expect(modes).toContain("live jobPermitIssued CONFIRMED");
  });

  it("shows a dataset's whole trail: its grant, its permit and what became of them", async () => {
    const permitId = await world.issuePermit();
    await world.call("researcher", "JobPermits", "cancel", permitId);
    const mirror = await openMirror();
    await mirror.settle();
    const cases = async (kind: "dataset" | "grant" | "permit", id: string) =>
      (await mirror.models.auditTrail({ kind, id })).map(({ log }) => log.fact.$case);
    const whole = await cases("dataset", "1");
    expect(whole).toEqual([
      "datasetRegistered",
      "datasetVersioned",
      "accessRequested",
      "accessGranted",
      "runReserved",
      "jobPermitIssued",
      "jobAuthorised",
      "jobRefunded",
      "runReturned",
    ]);
    expect(await cases("grant", "1")).toEqual(whole.slice(2));
    expect(await cases("permit", permitId)).toEqual(whole.slice(4));
  });
});

describe("doing everything again", () => {
  it("is a no-op to run on, and gives the same rows from an empty database", async () => {
    await world.issuePermit();
    const mirror = await openMirror({ batch: 3 });
    await mirror.settle();
    const before = await mirror.tables();
    const messages = await mirror.published();
    await mirror.settle();
    expect(await mirror.tables()).toEqual(before);
    expect(await mirror.published()).toEqual(messages);

    const replayed = await openMirror({ batch: 100 });
    await replayed.settle();
    expect(await replayed.tables()).toEqual(before);
    expect(new Set((await replayed.published()).map(({ id }) => id))).toEqual(
      new Set(messages.map(({ id }) => id)),
    );
  });

  it("loses and doubles nothing when it dies before, between and after the statements of a step", async () => {
    await world.issuePermit();
    const whole = await openMirror({ batch: 4 });
    await whole.settle();
    const expected = { tables: await whole.tables(), ids: (await whole.published()).map(({ id }) => id) };

    const mirror = await openMirror({ batch: 2 });
    let budget = 0;
    let deaths = 0;
    for (let attempt = 0; attempt < 500; attempt++) {
      budget = attempt % 11; // statements until the "kill", differently placed each time
      const dying = attach(mirror.db, { batch: 2 }, (inner) => killAfter(inner, () => budget-- <= 0));
      try {
        const did = await dying.step();
        if (did.did === "idle" && did.synced) break;
      } catch (error) {
        if (!(error instanceof Killed)) throw error;
        deaths++;
      }
    }
    expect(deaths).toBeGreaterThan(8);
    await mirror.settle();
    expect(await mirror.tables()).toEqual(expected.tables);
    const ids = (await mirror.published()).map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(new Set(ids)).toEqual(new Set(expected.ids)); // batches of other sizes interleave the stages otherwise
  });

  it("lets only one of two mirrors of one database move the cursor", async () => {
    const one = await openMirror({ batch: 2 });
    const two = attach(one.db, { batch: 3 });
    for (let each = 0; each < 60; each++) await Promise.all([one.step(), two.step()]);
    await one.settle();
    const alone = await openMirror();
    const shared = (await one.published()).map(({ id }) => id); // the same database: read before it is dropped
    await alone.settle();
    expect(new Set(shared).size).toBe(shared.length);
  });
});

describe("reorganisations", () => {
  it("retracts what a reorg removed, newest first, and folds the read models back", async () => {
    const mirror = await openMirror();
    await mirror.settle();
    const before = (await mirror.tables()).models;
    const permitId = await world.issuePermit();
    await mirror.settle();
    expect(await mirror.models.get("permit", permitId)).toBeDefined();
    await world.reorganise(1);
    await mirror.settle();
    expect(await mirror.models.get("permit", permitId)).toBeUndefined();
    expect((await mirror.tables()).models).toEqual(before);
    const about = (await mirror.published()).filter(({ event }) =>
      ["jobPermitIssued", "jobAuthorised", "runReserved"].includes(event.event?.$case ?? ""),
    );
    expect(about.map(({ said }) => said)).toEqual([
      "runReserved CONFIRMED",
      "jobPermitIssued CONFIRMED",
      "jobAuthorised CONFIRMED",
      "jobAuthorised RETRACTED",
      "jobPermitIssued RETRACTED",
      "runReserved RETRACTED",
    ]);
  });

  it("publishes the same permit anew when it is mined again in another block", async () => {
    const mirror = await openMirror();
    const terms = { expiry: (await world.now()) + 3_600 };
    const permitId = await world.issuePermit(terms);
    await mirror.settle();
    await world.reorganise(1);
    expect(await world.issuePermit(terms)).toBe(permitId);
    await mirror.settle();
    const said = (await mirror.published())
      .filter(({ event }) => event.event?.$case === "jobPermitIssued")
      .map(({ said }) => said);
    expect(said).toEqual([
      "jobPermitIssued CONFIRMED",
      "jobPermitIssued RETRACTED",
      "jobPermitIssued CONFIRMED",
    ]);
    expect(await mirror.models.get("permit", permitId)).toMatchObject({ state: "issued" });
  });

  it("says nothing of a log that a reorg removed before it was deep enough", async () => {
    const mirror = await openMirror({ depth: 2 });
    await world.issuePermit();
    await mirror.settle();
    await world.reorganise(1);
    await world.mine(3);
    await mirror.settle();
    const said = (await mirror.published()).map(({ event }) => event.event?.$case);
    expect(said).not.toContain("jobPermitIssued");
  });

  it("notices a reorg that happened while it was down, inside the confirmation window", async () => {
    const first = await openMirror();
    const permitId = await world.issuePermit();
    await first.settle();
    await world.reorganise(1);
    await world.mine(1);
    const restarted = attach(first.db);
    await restarted.settle();
    expect(await restarted.models.get("permit", permitId)).toBeUndefined();
  });

  it("takes a revocation back with its block: the grant lives again", async () => {
    const mirror = await openMirror();
    await world.call("owner", "AccessACL", "revoke", 1);
    await mirror.settle();
    expect(await mirror.models.get("grant", "1")).toMatchObject({ state: "revoked" });
    await world.reorganise(1);
    await mirror.settle();
    expect(await mirror.models.get("grant", "1")).toMatchObject({ state: "granted" });
  });

  it("halts below finality, stays halted over a restart, and goes on only on an operator's word", async () => {
    const inner = await world.provider.send("evm_snapshot", []);
    const permitId = await world.issuePermit();
    await world.mine(6);
    const mirror = await openMirror();
    await mirror.settle();
    const published = (await mirror.published()).length;
    await world.provider.send("evm_revert", [inner]);
    await world.mine(1);
    await world.provider.send("evm_setNextBlockTimestamp", [(await world.now()) + 100]);
    await world.mine(9);

    const halted = await mirror.settle();
    expect(halted).toMatchObject({ did: "halted" });
    const reason = halted.did === "halted" ? halted.reason : "";
    expect(reason).toMatch(/^REORG_BELOW_FINALITY/);
    expect(await mirror.models.get("permit", permitId)).toBeDefined(); // nothing was undone
    expect((await mirror.published()).length).toBe(published);

    const restarted = attach(mirror.db);
    expect(await restarted.step()).toMatchObject({ did: "halted", reason });
    expect(await restarted.resume("something else", false)).toMatchObject({
      ok: false,
      error: { code: "OTHER_REASON" },
    });
    expect(await restarted.resume(reason, false)).toMatchObject({ ok: true });
    await restarted.settle();
    expect(await restarted.models.get("permit", permitId)).toBeUndefined();
    expect(await restarted.resume(reason, false)).toMatchObject({ ok: false, error: { code: "NOT_HALTED" } });
  });
});

it("agrees with the contract about one grant through everything that can befall it", async () => {
  const mirror = await openMirror();
  const { people, call, addresses, provider } = world;
  const acl = contractAt("AccessACL", addresses, provider);
  const datasets = contractAt("DatasetRegistry", addresses, people.owner);
  const heir = people.operator;

  /** The contract's answer and the mirror's, to the same question at the same time. */
  const both = async (version = 1): Promise<[contract: string, mirror: string]> => {
    await mirror.settle();
    const at = await world.now();
    const query = {
      grantee: people.researcher.address,
      op: 8,
      purposeHash: purpose,
      regionCode: anyRegion,
      time: at,
      tickets: 1,
      epsilonMicro: 0,
      deltaNano: 0,
      exactReleases: 1,
      version,
      algorithmId: program,
    };
    const reason = Number(await acl.getFunction("decide").staticCall(1, query));
    const answer = await answerCheckAccess({
      models: mirror.models,
      monitor: { read: () => ({ ...following, syncedAt: at }) },
      now: () => at,
      depth: 0,
      maxLagSeconds: 30,
    })({
      grantId: asGrantId("1"),
      datasetId: asDatasetId("1"),
      grantee: asAddress(people.researcher.address),
      op: 8,
      purposeHash: asDigest(purpose),
      regionCode: anyRegion,
      exactReleases: 1,
      version,
      algorithmId: program,
    });
    const code = answer.decision.ok ? "Allowed" : answer.decision.error.code;
    return [reasons[reason] ?? "", reasonOf(code)];
  };
  const expectBoth = async (expected: string, version?: number) =>
    expect(await both(version)).toEqual([expected, expected]);

  await expectBoth("Allowed");
  await call("owner", "DatasetRegistry", "setStatus", 1, 2);
  await expectBoth("DatasetUnavailable");
  await call("owner", "DatasetRegistry", "setStatus", 1, 1);
  const permits = [];
  for (const nonce of [1, 2, 3]) {
    await expectBoth("Allowed");
    permits.push(await world.issuePermit({}, nonce));
  }
  await expectBoth("RunsExhausted");
  await call("researcher", "JobPermits", "cancel", permits[0]);
  await expectBoth("Allowed");
  await call("owner", "DatasetRegistry", "publishVersion", 1, 2, id("second"), "cos-object:02"); // append
  await expectBoth("VersionMismatch", 1);
  await expectBoth("Allowed", 2);
  await call("owner", "DatasetRegistry", "publishVersion", 1, 4, id("third"), "cos-object:03"); // withdraw
  await expectBoth("VersionBarred", 2);
  await expectBoth("Allowed", 3);
  await (
    await datasets.getFunction("transferFrom").send(people.owner.address, heir.address, 1, { gasPrice: 0n })
  ).wait();
  await expectBoth("DatasetUnavailable", 3);
  await call("operator", "IdentitySBT", "mint", id("the heir's did"));
  await call("operator", "DatasetRegistry", "confirmOwnership", 1);
  await expectBoth("Allowed", 3);
  await call("researcher", "IdentitySBT", "burn", 2);
  await expectBoth("IdentityNotLive", 3);
  await call("operator", "AccessACL", "revokeAll", 1);
  await expectBoth("Revoked", 3);
});

const following = { state: "following", tip: 0, head: 0, haltReason: "" } as const;
const reasonOf = (code: string): string =>
  (Object.keys(refusalCodes) as (keyof typeof refusalCodes)[]).find(
    (reason) => refusalCodes[reason].code === code,
  ) ?? code;

describe("a node that fails or lies", () => {
  it.each<[string, Record<string, (answer: unknown) => unknown>]>([
    [
      "a failed page",
      {
        eth_getBlockReceipts: () => {
          throw new Error("503");
        },
      },
    ],
    ["an empty page", { eth_getBlockReceipts: () => [] }],
    ["a truncated page", { eth_getBlockReceipts: (answer) => (answer as unknown[]).slice(0, -1) }],
    [
      "a page without its logs",
      { eth_getBlockReceipts: (answer) => (answer as object[]).map((each) => ({ ...each, logs: [] })) },
    ],
    [
      "removed logs",
      {
        eth_getBlockReceipts: (answer) =>
          (answer as { logs: object[] }[]).map((each) => ({
            ...each,
            logs: each.logs.map((log) => ({ ...log, removed: true })),
          })),
      },
    ],
    [
      "a block without its hash",
      { eth_getBlockByNumber: (answer) => answer && { ...answer, hash: undefined } },
    ],
  ])("never moves on over %s", async (_name, lies) => {
    const honest = await openMirror();
    await honest.settle();
    await world.issuePermit();
    const before = await honest.tables();
    const lying = contractLogReader(
      openBlockReader({
        send: async (method: string, params: unknown[]) => {
          const answer = await world.provider.send(method, params as never[]);
          return lies[method] ? lies[method](answer) : answer;
        },
      }),
      world.addresses,
    );
    await expect(createMirror(lying, honest.store, defaults())()).rejects.toThrow();
    expect(await honest.tables()).toEqual(before);
    expect(await honest.step()).toMatchObject({ did: "advanced" });
  });

  it("waits for a node that is behind what it said before", async () => {
    const mirror = await openMirror();
    await mirror.settle();
    const height = await world.provider.getBlockNumber();
    const behind = contractLogReader(
      openBlockReader({
        send: (method: string, params: unknown[]) => {
          const [tag] = params;
          const late = method === "eth_getBlockByNumber" && tag === "latest";
          return world.provider.send(
            method,
            (late ? [`0x${(height - 2).toString(16)}`, false] : params) as never[],
          );
        },
      }),
      world.addresses,
    );
    const before = await mirror.tables();
    const step = createMirror(behind, mirror.store, defaults());
    expect(await step()).toMatchObject({ did: "idle", synced: false });
    expect(await mirror.tables()).toEqual(before);
  });
});

class Killed extends Error {}

/** A store whose process dies when `isTime` says so: at a statement inside a transaction, which then rolls back. */
function killAfter(inner: MirrorStore, isTime: () => boolean): MirrorStore {
  const mortal = <T extends object>(target: T): T =>
    new Proxy(target, {
      get: (object, name) => {
        const member = Reflect.get(object, name);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          if (isTime()) throw new Killed();
          return Reflect.apply(member, object, args);
        };
      },
    });
  return { ...inner, inTransaction: (work) => inner.inTransaction((tx) => work(mortal(tx))) };
}
