import { type MessageLog, openEmbeddedLog, toMessage } from "@cos/messaging";
import { type EmbeddedObjects, objectKey, openEmbeddedObjects } from "@cos/objects";
import { allelicAssociation, openResult, type Plan, planDigestOf, planJob, taskSpec } from "@cos/programs";
import { WorkerServiceService } from "@cos/proto/worker";
import {
  asDigest,
  asPermitId,
  type Digest,
  digestOfBytes,
  recoverTaskAttestation,
  unwrap,
} from "@cos/protocol";
import { createGrpcClient, createLogger, type LogSink, silentLogger } from "@cos/service-host";
import { openTestStore, type TempFolder, type TestStore, tempFolder } from "@cos/testkit";
import { taskEvents } from "@cos/topics";
import { Wallet } from "ethers";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { composeFheWorker, type FheWorker } from "../src/index.ts";
import { Decision, type Script, startOrchestratorStandIn } from "./orchestrator-stand-in.ts";
import { type TinyDataset, tinyDataset } from "./tiny-dataset.ts";

const chainId = 31_337n;
const token = "test-token";
const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");
const jobId = asPermitId(`0x${"7e".repeat(32)}`);

let dataset: TinyDataset;
let plan: Plan;
let planDigest: Digest;
let folder: TempFolder;
let objects: EmbeddedObjects;
let test: TestStore;
let log: MessageLog;
let orchestrator: Awaited<ReturnType<typeof startOrchestratorStandIn>>;
let script: Script;
let workers: FheWorker[] = [];
let region = 0;

beforeAll(async () => {
  dataset = await tinyDataset();
  plan = unwrap(
    planJob({ program: allelicAssociation, manifests: [dataset.manifest], params: { trait: "affected" } }),
  );
  planDigest = planDigestOf(plan);
  folder = await tempFolder("worker");
  objects = await openEmbeddedObjects({ dataDir: folder.path });
  for (const body of dataset.objects.values()) await put(body);
  test = await openTestStore();
  log = await openEmbeddedLog({ store: test.store });
}, 60_000);
afterAll(async () => {
  await log.close();
  await objects.close();
  await test.dispose();
  await folder.remove();
});
beforeEach(async () => {
  region += 1; // a topic of its own for each test
  await log.declare(taskEvents(regionName()));
  script = {
    begin: async ({ taskId }) => lease(hex(taskId), 1n),
    wanted: () => true,
    outputUrl: async (digest, sizeBytes) => {
      const object = { digest: asDigest(hex(digest)), sizeBytes: Number(sizeBytes) };
      return objects.store.presignPut(objectKey(object.digest), 60, object);
    },
  };
  orchestrator = await startOrchestratorStandIn(
    {
      begin: (request) => script.begin(request),
      wanted: (fence) => script.wanted(fence),
      outputUrl: (digest, size) => script.outputUrl(digest, size),
    },
    token,
  );
});
afterEach(async () => {
  for (const worker of workers) await worker.stop();
  workers = [];
  await orchestrator.close();
});

const regionName = () => `r${region}`;

async function put(body: Uint8Array): Promise<Digest> {
  const digest = digestOfBytes(body);
  unwrap(await objects.store.put(objectKey(digest), body, { sizeBytes: body.length, digest }));
  return digest;
}

async function read(digest: Digest): Promise<Uint8Array> {
  const found = unwrap(await objects.store.get(objectKey(digest)));
  return new Uint8Array(Buffer.concat(await Array.fromAsync(found.body)));
}

const taskIdOf = (index: number) => taskSpec(plan, planDigest, index).taskId;

/** What BeginTask answers for a task of the plan. `partials`: outputs of its inputs, for the reduce task. */
async function lease(taskId: string, fence: bigint, partials: { digest: Digest; sizeBytes: number }[] = []) {
  const index = plan.tasks.findIndex((_, i) => taskIdOf(i) === taskId);
  const spec = taskSpec(plan, planDigest, index);
  const refs =
    spec.task.kind === "reduce"
      ? partials
      : [
          ...spec.task.rowBlocks.flatMap((block) => block.weights.map((weight) => weight.object)),
          ...spec.task.variantBlocks.flatMap((block) => block.blocks),
        ];
  const inputs = await Promise.all(
    refs.map(async ({ digest, sizeBytes }) => ({
      digest: bytes(digest),
      url: await objects.store.presignGet(objectKey(digest), 60),
      sizeBytes: BigInt(sizeBytes),
    })),
  );
  return { decision: Decision.DECISION_RUN, fence, taskJson: JSON.stringify(spec), inputs };
}

async function startWorker(
  over: { key?: Wallet; sink?: LogSink } = {},
): Promise<FheWorker & { key: Wallet }> {
  const key = over.key ?? new Wallet(Wallet.createRandom().privateKey);
  const worker = composeFheWorker(
    {
      host: "127.0.0.1",
      grpcPort: 0,
      regions: [regionName()],
      threads: 1,
      readAheadMebibytes: 1,
      orchestratorAddress: orchestrator.address,
      chainId,
      heartbeatMs: 200,
    },
    {
      log,
      key,
      logger: over.sink ? createLogger("fhe-worker", over.sink, "debug") : silentLogger,
      serviceToken: token,
    },
  );
  await worker.start();
  workers.push(worker);
  return Object.assign(worker, { key });
}

const queue = (taskId: string, partition?: number) =>
  log.publish([
    toMessage(
      taskEvents(regionName()),
      {
        event: {
          $case: "taskQueued" as const,
          value: { taskId: bytes(taskId), jobId: bytes(jobId), replica: 0, inputBytes: 0n },
        },
      },
      { messageId: `${taskId}:${partition}:${Math.random()}`, producer: "test" },
      partition === undefined ? {} : { partition },
    ),
  ]);

const lag = () => log.lag(`fhe-worker.${regionName()}`, taskEvents(regionName()).name);

it("evaluates, stores, attests, completes, and only then lets go of the message; the sums are right", async () => {
  const lines: string[] = [];
  const sink: LogSink = { stream: { write: (line: string) => void lines.push(line) }, flush: () => {} };
  const worker = await startWorker({ sink });
  const maps = plan.tasks.filter((task) => task.kind === "evaluate");
  for (const { index } of maps) await queue(taskIdOf(index));
  await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(maps.length);
  await expect.poll(lag).toBe(0);
  for (const one of orchestrator.told.completed) {
    const attestation = {
      permitId: jobId,
      taskId: asDigest(hex(one.taskId)),
      outputDigest: asDigest(hex(one.outputDigest)),
    };
    expect(recoverTaskAttestation(chainId, attestation, hex(one.signature))).toBe(
      worker.key.address.toLowerCase(),
    );
    expect(one.bytesRead).toBeGreaterThan(0n);
  }
  const partials = maps.map(({ index }) => {
    const one = orchestrator.told.completed.find((each) => hex(each.taskId) === taskIdOf(index));
    return { digest: asDigest(hex(one!.outputDigest)), sizeBytes: Number(one!.sizeBytes) };
  });
  script.begin = async ({ taskId }) => lease(hex(taskId), 9n, partials);
  await queue(taskIdOf(plan.tasks.length - 1));
  await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(maps.length + 1);
  const result = await read(asDigest(hex(orchestrator.told.completed.at(-1)!.outputDigest)));
  const opened = unwrap(await openResult(plan, result, dataset.key));
  expect(Object.fromEntries(opened.sums)).toMatchObject(dataset.expected);
  expect(hex(orchestrator.told.announced[0]!.worker)).toBe(worker.key.address.toLowerCase());
  expect(orchestrator.told.announced[0]!.regions).toEqual([regionName()]);
  const text = lines.join("");
  expect(text).toContain("task.completed");
  expect(text).not.toContain(worker.key.privateKey.slice(2));
}, 30_000);

it.each([
  [
    "a changed byte",
    (body: Uint8Array) => body.with(body.length - 1, body.at(-1)! ^ 1),
    "OBJECT_DIGEST_MISMATCH",
  ],
  ["a missing end", (body: Uint8Array) => body.slice(0, -7), "INPUT_TRUNCATED"],
])(
  "reports %s of an input as final",
  async (_, damage, code) => {
    const spec = taskSpec(plan, planDigest, 0);
    if (spec.task.kind !== "evaluate") throw new Error("the first task evaluates");
    const { digest } = spec.task.variantBlocks[0]!.blocks[0]!;
    const whole = await read(digest);
    const damaged = damage(whole);
    unwrap(await objects.store.put(objectKey(digest), damaged, { sizeBytes: damaged.length }));
    try {
      await startWorker();
      await queue(taskIdOf(0));
      await expect.poll(() => orchestrator.told.failed.length, { timeout: 60_000 }).toBe(1);
      expect(orchestrator.told.failed[0]).toMatchObject({ code, retryable: false });
      expect(orchestrator.told.completed).toEqual([]);
      await expect.poll(lag).toBe(0);
    } finally {
      await put(whole);
    }
  },
  30_000,
);

it("stops within two seconds when its job is over, and takes the next task", async () => {
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  let over = false;
  let tookNextAt = 0;
  const honest = script.outputUrl;
  script.wanted = (fence) => fence !== 1n || !over;
  script.outputUrl = async (digest, sizeBytes) => {
    if (over) return honest(digest, sizeBytes);
    reach();
    return "http://127.0.0.1:9/never"; // nobody listens: the worker tries again and again until it is told to stop
  };
  script.begin = async ({ taskId }) => {
    if (over) tookNextAt = performance.now();
    return lease(hex(taskId), over ? 2n : 1n);
  };
  await startWorker();
  await queue(taskIdOf(0), 0);
  await queue(taskIdOf(0), 0); // behind it on the same partition
  await reached;
  over = true;
  const overAt = performance.now();
  await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  expect(orchestrator.told.completed[0]!.fence).toBe(2n);
  expect(tookNextAt - overAt).toBeLessThan(2_000);
  expect(orchestrator.told.failed).toEqual([]);
}, 30_000);

it("leaves a task to its new holder when its fence is stale", async () => {
  orchestrator.stale.add(1n);
  await startWorker();
  await queue(taskIdOf(0));
  await expect.poll(lag, { timeout: 60_000 }).toBe(0);
  expect(orchestrator.told.completed).toEqual([]);
  expect(orchestrator.told.failed).toEqual([]);
}, 30_000);

it("hands on a task that another must do, without holding up the one behind it", async () => {
  const begun: string[] = [];
  script.begin = async ({ taskId, worker }) => {
    begun.push(hex(worker));
    if (hex(taskId) === taskIdOf(0) && hex(worker) === begun[0]) return { decision: Decision.DECISION_LATER };
    return lease(hex(taskId), 5n, []);
  };
  await startWorker();
  await startWorker();
  await queue(taskIdOf(0), 0);
  await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  expect(new Set(begun).size).toBe(2);
  await expect.poll(lag).toBe(0);
}, 30_000);

it("takes over the message of a worker that died with it", async () => {
  const dead = await log.subscribe({
    group: `fhe-worker.${regionName()}`,
    topic: taskEvents(regionName()).name,
    handle: () => new Promise(() => {}),
  });
  await queue(taskIdOf(0), 0);
  await expect.poll(lag).toBe(1);
  await dead.close({ drain: false }); // what its SIGKILL leaves behind
  await startWorker();
  await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  await expect.poll(lag).toBe(0);
}, 30_000);

it("drains: running tasks finish, no further one is taken", async () => {
  const { promise: go, resolve: release } = Promise.withResolvers<void>();
  let begun = 0;
  script.begin = async ({ taskId }) => {
    begun += 1;
    await go;
    return lease(hex(taskId), 8n);
  };
  const worker = await startWorker();
  const client = createGrpcClient(WorkerServiceService, worker.grpcAddress, { "cos-service-token": token });
  await queue(taskIdOf(0), 0);
  await expect.poll(() => begun, { timeout: 60_000 }).toBe(1);
  expect(await client.getStatus({})).toMatchObject({ running: 1, draining: false, region: regionName() });
  await client.drain({});
  await queue(taskIdOf(0), 1);
  release();
  await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  expect(await client.getStatus({})).toMatchObject({ running: 0, done: 1n, draining: true });
  expect(begun).toBe(1);
  await expect.poll(lag).toBe(1);
  const stranger = createGrpcClient(WorkerServiceService, worker.grpcAddress);
  await expect(stranger.drain({})).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
  stranger.close();
  client.close();
}, 30_000);
