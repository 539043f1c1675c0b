import { type MessageLog, openEmbeddedLog } from "@cos/messaging";
import { AccessServiceService } from "@cos/proto/access";
import { ChainEvent } from "@cos/proto/chain";
import { MirrorOpsServiceService, OpsServiceService } from "@cos/proto/ops";
import { anyRegion, Op } from "@cos/protocol";
import { createGrpcClient, type GrpcClient, readConfig, silentLogger } from "@cos/service-host";
import { openEmbeddedStore, outboxStatus, type Store } from "@cos/store";
import { Client, credentials } from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { type AccessServiceHandle, accessSettings, composeAccess } from "../src/index.ts";
import { program, purpose, root, startWorld, type World } from "./world.ts";

let world: World;
let store: Store;
let service: AccessServiceHandle;
let access: GrpcClient<typeof AccessServiceService>;
let permitId: string;
let clock = 0;
let down = false;
let brokerDown = false;
let log: MessageLog;

const bytes = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");
const question = (change: Record<string, unknown> = {}) => ({
  grantId: "1",
  datasetId: "1",
  grantee: bytes(world.people.researcher.address),
  opMask: Op.COMPUTE as number,
  purposeHash: bytes(purpose),
  regionCode: bytes(anyRegion),
  tickets: 0,
  epsilonMicro: 0n,
  deltaNano: 0n,
  exactReleases: 1,
  version: 1,
  algorithmId: bytes(program),
  permitId: Buffer.alloc(0),
  ...change,
});

async function startService(): Promise<void> {
  const config = readConfig(accessSettings, "", { POLL_MS: "20" });
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  log = await openEmbeddedLog({ store });
  service = composeAccess(config.value, {
    db: store.schema("access"),
    log: {
      ...log,
      publish: async (messages) =>
        brokerDown ? Promise.reject(new Error("no broker")) : log.publish(messages),
    },
    chain: {
      provider: {
        send: async (method, params) => {
          if (down) throw new Error("the node is down");
          return world.provider.send(method, params as never[]);
        },
      },
      addresses: world.addresses,
    },
    logger: silentLogger,
    now: () => clock,
    serviceToken: "let me in",
  });
  await service.start();
  access = createGrpcClient(AccessServiceService, service.grpcAddress);
}

const synced = () =>
  vi.waitFor(
    async () => {
      const { state } = await access.getMirrorStatus({});
      if (state !== "following" || !(await mirroredHead())) throw new Error(`the mirror is ${state}`);
    },
    { timeout: 60_000 },
  );
const mirroredHead = async () =>
  Number((await access.getMirrorStatus({})).confirmedNumber) === (await world.provider.getBlockNumber());

beforeAll(async () => {
  [world, store] = await Promise.all([startWorld(), openEmbeddedStore()]);
  await world.publishDataset();
  await world.grantAccess({ maxRuns: 1 });
  await world.approveProgram();
  permitId = await world.issuePermit();
  clock = await world.now();
  await startService();
  await synced();
}, 180_000);
afterAll(async () => {
  access.close();
  await service.stop();
  await store.close();
  await world.stop();
});

it("shows datasets, requests, grants, permits and programs as the chain has them", async () => {
  const { dataset } = await access.getDataset({ datasetId: "1" });
  expect(dataset).toMatchObject({
    owner: bytes(world.people.owner.address),
    status: "active",
    suspended: false,
    versions: [
      { version: 1, manifestCommitment: bytes(root), manifestUri: "cos-object:00", reason: "initial" },
    ],
  });
  expect(Buffer.from(dataset?.dataUseCodes[0] ?? []).toString()).toContain("DUO:0000042");
  const { datasets, nextPageToken } = await access.listDatasets({
    owner: Buffer.alloc(0),
    pageSize: 1,
    pageToken: "",
  });
  expect(datasets.map(({ datasetId }) => datasetId)).toEqual(["1"]);
  expect(
    (await access.listDatasets({ owner: Buffer.alloc(0), pageSize: 1, pageToken: nextPageToken })).datasets,
  ).toEqual([]);

  const mine = { datasetId: "", grantee: bytes(world.people.researcher.address) };
  expect((await access.listRequests(mine)).requests).toMatchObject([
    { requestId: "1", state: "granted", opMask: 8 },
  ]);
  expect((await access.listGrants(mine)).grants).toMatchObject([
    {
      revoked: false,
      runsUsed: 1n,
      runsReserved: 1,
      terms: { grantId: "1", maxRuns: 1n, autoAuthorise: true },
    },
  ]);
  expect((await access.listGrants({ datasetId: "2", grantee: Buffer.alloc(0) })).grants).toEqual([]);
  const { permit } = await access.getPermit({ permitId: bytes(permitId) });
  expect(permit).toMatchObject({
    state: "issued",
    terms: {
      operator: bytes(world.people.operator.address),
      datasets: [{ grantId: "1", datasetId: "1", version: 1 }],
    },
  });
  expect((await access.listAlgorithms({})).algorithms).toMatchObject([
    { algorithmId: bytes(program), state: "approved" },
  ]);
});

it("answers with the clause that refuses and the values that prove it", async () => {
  const ask = async (change: Record<string, unknown>) => {
    const { allowed, code, clause, factsJson } = await access.checkAccess(question(change));
    return { allowed, code, clause, facts: factsJson === "" ? {} : JSON.parse(factsJson) };
  };
  expect(await ask({})).toEqual({
    allowed: false,
    code: "RUNS_EXHAUSTED",
    clause: 4,
    facts: { grantId: "1", maxRuns: "1", reserved: "1", used: "0" },
  });
  expect(await ask({ permitId: bytes(permitId) })).toMatchObject({ allowed: true, code: "" });
  expect(await ask({ opMask: Op.EXPORT })).toMatchObject({ code: "OPERATION_NOT_GRANTED", clause: 2 });
  expect(await ask({ grantId: "7" })).toMatchObject({ code: "NO_GRANT", clause: 0 });
  expect(await ask({ grantee: bytes(world.people.owner.address) })).toMatchObject({
    code: "GRANTEE_MISMATCH",
    clause: 1,
  });
});

it.each<[string, () => Promise<unknown>, string]>([
  ["an unknown dataset", () => access.getDataset({ datasetId: "99" }), "NOT_FOUND"],
  ["an unknown permit", () => access.getPermit({ permitId: Buffer.alloc(32) }), "NOT_FOUND"],
  ["a request that was never granted", () => access.getGrant({ grantId: "2" }), "NOT_FOUND"],
  ["a malformed number", () => access.getDataset({ datasetId: "01" }), "INVALID_ARGUMENT"],
  ["a short digest", () => access.getPermit({ permitId: Buffer.alloc(31) }), "INVALID_ARGUMENT"],
  ["a short address", () => access.checkAccess(question({ grantee: Buffer.alloc(19) })), "INVALID_ARGUMENT"],
  [
    "a foreign page token",
    () => access.listDatasets({ owner: Buffer.alloc(0), pageSize: 1, pageToken: "1;2" }),
    "INVALID_ARGUMENT",
  ],
  [
    "an audit of two things",
    () => access.listAuditEvents({ datasetId: "1", grantId: "1", permitId: Buffer.alloc(0) }),
    "INVALID_ARGUMENT",
  ],
])("refuses %s with its status", async (_name, call, status) => {
  await expect(call()).rejects.toMatchObject({ status });
});

it("gives the audit trail of a permit with transaction hashes and stages", async () => {
  const { events } = await access.listAuditEvents({ datasetId: "", grantId: "", permitId: bytes(permitId) });
  expect(events.map(({ event }) => event?.$case)).toEqual([
    "runReserved",
    "jobPermitIssued",
    "jobAuthorised",
  ]);
  const { permit } = await access.getPermit({ permitId: bytes(permitId) });
  for (const event of events) {
    expect(event.transactionHash).toEqual(permit?.issuedTransaction);
    expect(event.chainId).toBe(31_337n);
    expect([1, 2]).toContain(event.stage);
  }
});

it("stops permitting when the node is gone, goes on refusing, and permits again when it is back", async () => {
  const permitted = () => access.checkAccess(question({ permitId: bytes(permitId) }));
  down = true;
  clock += 31;
  await expect(permitted()).rejects.toMatchObject({ status: "UNAVAILABLE", code: "MIRROR_BEHIND" });
  expect(await access.checkAccess(question({ opMask: Op.READ }))).toMatchObject({
    code: "OPERATION_NOT_GRANTED",
  });
  down = false;
  await expect
    .poll(
      async () =>
        permitted().then(
          ({ allowed }) => allowed,
          () => false,
        ),
      { timeout: 60_000 },
    )
    .toBe(true);
});

it("moves on while the broker is down, and tells everything once it is back, in order", async () => {
  const told: string[] = [];
  const subscription = await log.subscribe({
    group: "test",
    topic: "chain.events.v1",
    handle: async ({ value }) => void told.push(ChainEvent.decode(value).event?.$case ?? ""),
  });
  // Everything of before has been told: what the outbox still held, and what the log held for a new reader.
  const untold = async () => ({
    unsent: (await outboxStatus(store.schema("access"))).unsent,
    lag: await log.lag("test", "chain.events.v1"),
  });
  await expect.poll(untold, { timeout: 60_000 }).toEqual({ unsent: 0, lag: 0 });
  expect(told.length).toBeGreaterThan(0);
  const before = told.length;
  brokerDown = true;
  await world.call("owner", "DatasetRegistry", "setStatus", 1, 2);
  await world.call("owner", "DatasetRegistry", "setStatus", 1, 1);
  await synced();
  expect(told.slice(before)).toEqual([]);
  brokerDown = false;
  await expect
    .poll(() => told.slice(before).filter((each) => each === "datasetStatusChanged").length, {
      timeout: 60_000,
    })
    .toBeGreaterThanOrEqual(2);
  await subscription.close();
});

it("goes on where it was after a restart", async () => {
  const before = await access.listAuditEvents({ datasetId: "1", grantId: "", permitId: Buffer.alloc(0) });
  access.close();
  await service.stop();
  await world.call("researcher", "JobPermits", "cancel", permitId);
  await startService();
  await synced();
  const after = await access.listAuditEvents({ datasetId: "1", grantId: "", permitId: Buffer.alloc(0) });
  expect(after.events.length).toBe(before.events.length + 2); // JobRefunded, RunReturned
  expect((await access.getPermit({ permitId: bytes(permitId) })).permit).toMatchObject({
    state: "refunded",
    refundReason: "cancelled",
  });
});

it("turns NOT_SERVING below finality and serves again on an operator's word only", async () => {
  const snapshot = await world.provider.send("evm_snapshot", []);
  await world.mine(6);
  await synced();
  await world.provider.send("evm_revert", [snapshot]);
  await world.provider.send("evm_increaseTime", [1_000]);
  await world.mine(8);
  await expect.poll(health, { timeout: 60_000 }).toBe("NOT_SERVING");
  const { state, haltReason } = await access.getMirrorStatus({});
  expect(state).toBe("halted");

  const stranger = createGrpcClient(MirrorOpsServiceService, service.grpcAddress);
  await expect(stranger.resumeMirror({ haltReason, dryRun: false })).rejects.toMatchObject({
    status: "UNAUTHENTICATED",
  });
  stranger.close();
  const operator = createGrpcClient(MirrorOpsServiceService, service.grpcAddress, {
    "cos-service-token": "let me in",
  });
  await expect(operator.resumeMirror({ haltReason: "?", dryRun: false })).rejects.toMatchObject({
    code: "OTHER_REASON",
  });
  const ops = createGrpcClient(OpsServiceService, service.grpcAddress, { "cos-service-token": "let me in" });
  const { facts } = await ops.getStatus({});
  expect(facts).toContainEqual({ name: "mirror.halt_reason", value: haltReason });
  await expect(operator.rewindMirror({ fromBlock: 1n, dryRun: true })).rejects.toMatchObject({
    code: "HALTED",
  });
  const foreseen = await operator.resumeMirror({ haltReason, dryRun: true });
  expect((await access.getMirrorStatus({})).state).toBe("halted"); // a dry run does nothing
  expect(await operator.resumeMirror({ haltReason, dryRun: false })).toEqual(foreseen);
  ops.close();
  await synced();
  await expect.poll(health, { timeout: 60_000 }).toBe("SERVING");
  await expect(operator.resumeMirror({ haltReason, dryRun: false })).rejects.toMatchObject({
    code: "NOT_HALTED",
  });
  operator.close();
});

/** What a health check of the whole service says. */
async function health(): Promise<string> {
  const raw = new Client(service.grpcAddress, credentials.createInsecure());
  const check = healthDefinition.Check;
  if (!check) throw new Error("no health definition");
  try {
    const answer = await new Promise((resolve, reject) =>
      raw.makeUnaryRequest(
        check.path,
        check.requestSerialize,
        check.responseDeserialize,
        { service: "cos.access.v1.AccessService" },
        (error, value) => (error ? reject(error) : resolve(value)),
      ),
    );
    return (answer as { status: string }).status;
  } finally {
    raw.close();
  }
}
