import { randomUUID } from "node:crypto";
import { type MessageLog, openEmbeddedLog, openKafkaLog, toMessage } from "@cos/messaging";
import { type EmbeddedObjects, objectKey, openEmbeddedObjects } from "@cos/objects";
import { allelicAssociation, openResult, type Plan, planDigestOf, planJob, taskSpec } from "@cos/programs";
import { type TinyDataset, tinyDataset } from "@cos/programs/tiny-dataset";
import { WorkerServiceService } from "@cos/proto/worker";
import {
  asDigest,
  asPermitId,
  type Digest,
  digestOfBytes,
  recoverTaskAttestation,
  unwrap,
} from "@cos/protocol";
import { createGrpcClient, createLogger, type LogSink, RpcFault, silentLogger } from "@cos/service-host";
import { openTestStore, realPart, type TempFolder, type TestStore, tempFolder } from "@cos/testkit";
import { taskEvents } from "@cos/topics";
import { Client, credentials } from "@grpc/grpc-js";
import { Wallet } from "ethers";
import { service as healthDefinition } from "grpc-health-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { composeFheWorker, type FheWorker } from "../src/index.ts";
import { Decision, type Script, startOrchestratorStandIn } from "./orchestrator-stand-in.ts";

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
}, 180_000);
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

/** Topics of this run alone, should the broker be shared. */
const run = randomUUID().slice(0, 8);
const regionName = () => `r${run}-${region}`;

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
  over: { key?: Wallet; sink?: LogSink; drainSeconds?: number; log?: MessageLog } = {},
): Promise<FheWorker & { key: Wallet }> {
  const key = over.key ?? new Wallet(Wallet.createRandom().privateKey);
  const worker = composeFheWorker(
    {
      host: "127.0.0.1",
      grpcPort: 0,
      metricsPort: 0,
      healthPort: undefined,
      regions: [regionName()],
      threads: 1,
      taskPartitions: 32,
      engine: "auto",
      readAheadMebibytes: 1,
      orchestratorAddress: orchestrator.address,
      chainId,
      heartbeatMs: 200,
      prefetchTasks: 1,
      drainSeconds: over.drainSeconds ?? 25,
    },
    {
      log: over.log ?? log,
      key,
      logger: over.sink ? createLogger("fhe-worker", over.sink, "debug") : silentLogger,
      serviceToken: token,
    },
  );
  await worker.start();
  workers.push(worker);
  return Object.assign(worker, { key });
}

const queue = (taskId: string, partition?: number, to = log) =>
  to.publish([
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
}, 180_000);

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
    const damaged = await put(damage(await read(digest))); // what a broken or hostile store gives out instead
    const url = await objects.store.presignGet(objectKey(damaged), 60);
    script.begin = async ({ taskId }) => {
      const answer = await lease(hex(taskId), 1n);
      const inputs = answer.inputs.map((input) => (hex(input.digest) === digest ? { ...input, url } : input));
      return { ...answer, inputs };
    };
    await startWorker();
    await queue(taskIdOf(0));
    await expect.poll(() => orchestrator.told.failed.length, { timeout: 60_000 }).toBe(1);
    expect(orchestrator.told.failed[0]).toMatchObject({ code, retryable: false });
    expect(orchestrator.told.completed).toEqual([]);
    await expect.poll(lag).toBe(0);
  },
  90_000,
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
}, 180_000);

it("leaves a task to its new holder when its fence is stale", async () => {
  orchestrator.stale.add(1n);
  await startWorker();
  await queue(taskIdOf(0));
  await expect.poll(lag, { timeout: 60_000 }).toBe(0);
  expect(orchestrator.told.completed).toEqual([]);
  expect(orchestrator.told.failed).toEqual([]);
}, 180_000);

it("lets go of a task that another must do, and runs the one behind it", async () => {
  const begun: { taskId: string; replica: number | undefined; partition: number | undefined }[] = [];
  script.begin = async ({ taskId, replica, partition }) => {
    begun.push({ taskId: hex(taskId), replica, partition });
    return begun.length === 1 ? { decision: Decision.DECISION_LATER } : lease(hex(taskId), 5n, []);
  };
  await startWorker();
  await queue(taskIdOf(1), 4);
  await queue(taskIdOf(0), 4);
  await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  await expect.poll(lag, { timeout: 60_000 }).toBe(0); // nothing was published anew: that is the orchestrator's to do
  expect(begun).toEqual([
    { taskId: taskIdOf(1), replica: 0, partition: 4 },
    { taskId: taskIdOf(0), replica: 0, partition: 4 },
  ]);
}, 180_000);

it.each([
  ["knows no such task", "NOT_FOUND", "TASK_NOT_FOUND"],
  ["does not let it run it", "PERMISSION_DENIED", "REGION_NOT_ATTESTED"],
] as const)(
  "lets go of a message when the orchestrator %s, and runs the one behind it",
  async (_, status, code) => {
    let begun = 0;
    script.begin = async ({ taskId }) => {
      begun += 1;
      if (begun === 1) throw new RpcFault("UNAVAILABLE", "MIRROR_BEHIND"); // passes: asked again
      if (begun === 2) throw new RpcFault(status, code);
      return lease(hex(taskId), 6n);
    };
    await startWorker();
    await queue(taskIdOf(1), 4);
    await queue(taskIdOf(0), 4);
    await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
    await expect.poll(lag, { timeout: 60_000 }).toBe(0);
    expect(begun).toBe(3);
  },
  90_000,
);

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
}, 180_000);

/** Holds tasks at the end of their computation, until `release`. */
function holdOutputs() {
  const { promise: go, resolve: release } = Promise.withResolvers<void>();
  const honest = script.outputUrl;
  const held: string[] = [];
  script.outputUrl = async (digest, sizeBytes) => {
    held.push(hex(digest));
    await go;
    return honest(digest, sizeBytes);
  };
  return { held, release };
}

it("drains: what computes finishes, what only waits is handed back, nothing further is taken", async () => {
  const { held, release } = holdOutputs();
  const { promise: mayBegin, resolve: letBegin } = Promise.withResolvers<void>();
  let begun = 0;
  script.begin = async ({ taskId }) => {
    begun += 1;
    if (begun === 2) await mayBegin;
    return lease(hex(taskId), BigInt(begun));
  };
  const worker = await startWorker();
  const client = createGrpcClient(WorkerServiceService, worker.grpcAddress, { "cos-service-token": token });
  await queue(taskIdOf(0), 0);
  await expect.poll(() => held.length, { timeout: 60_000 }).toBe(1);
  await queue(taskIdOf(0), 1);
  await expect.poll(() => begun, { timeout: 60_000 }).toBe(2);
  expect(await client.getStatus({})).toMatchObject({ running: 2, draining: false, region: regionName() });
  await client.drain({});
  await expect.poll(() => orchestrator.told.announced.at(-1)?.leaving, { timeout: 60_000 }).toBe(true);
  await queue(taskIdOf(0), 2);
  letBegin();
  await expect.poll(() => orchestrator.told.released, { timeout: 60_000 }).toEqual([2n]);
  release();
  await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(1);
  expect(orchestrator.told.completed[0]?.fence).toBe(1n);
  await expect
    .poll(() => client.getStatus({}), { timeout: 60_000 })
    .toMatchObject({ running: 0, done: 1n, draining: true });
  expect(begun).toBe(2);
  await expect.poll(lag, { timeout: 60_000 }).toBe(1);
  const stranger = createGrpcClient(WorkerServiceService, worker.grpcAddress);
  await expect(stranger.drain({})).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
  stranger.close();
  client.close();
}, 180_000);

it("hands back what still runs when a drain has lasted too long, and ends", async () => {
  const { held } = holdOutputs();
  const worker = await startWorker({ drainSeconds: 0 });
  await queue(taskIdOf(0));
  await expect.poll(() => held.length, { timeout: 60_000 }).toBe(1);
  await worker.stop();
  expect(orchestrator.told.released).toEqual([1n]);
  expect(orchestrator.told.failed).toEqual([]);
  expect(orchestrator.told.completed).toEqual([]);
}, 180_000);

it("says what it can carry, and is healthy until it drains", async () => {
  const worker = await startWorker();
  await expect
    .poll(() => orchestrator.told.announced[0], { timeout: 60_000 })
    .toMatchObject({
      capacity: 1,
      leaving: false,
    });
  const raw = new Client(worker.grpcAddress, credentials.createInsecure());
  const check = healthDefinition.Check!;
  const status = () =>
    new Promise((resolve, reject) =>
      raw.makeUnaryRequest(
        check.path,
        check.requestSerialize,
        check.responseDeserialize,
        { service: "" },
        (error, value) => (error ? reject(error) : resolve((value as { status: string }).status)),
      ),
    );
  expect(await status()).toBe("SERVING");
  const client = createGrpcClient(WorkerServiceService, worker.grpcAddress, { "cos-service-token": token });
  await client.drain({});
  await expect.poll(status).toBe("NOT_SERVING");
  raw.close();
  client.close();
}, 180_000);

const brokers = realPart("kafka")?.split(",");

it.skipIf(!brokers)(
  "on Kafka: goes on with what it computes when a worker joins, and each task counts once",
  async () => {
    const open = () =>
      openKafkaLog({ brokers: brokers!, clientId: "worker-test", sessionTimeoutMs: 6_000, heartbeatMs: 300 });
    const [mine, theirs] = [await open(), await open()];
    try {
      await mine.declare(taskEvents(regionName()));
      const { held, release } = holdOutputs();
      const begun: { worker: string; decision: Decision }[] = [];
      script.begin = async ({ taskId, worker }) => {
        const first = begun.length < 2;
        const decision = first ? Decision.DECISION_RUN : Decision.DECISION_LATER; // taken: a lease is never given twice
        begun.push({ worker: hex(worker), decision });
        return first ? lease(hex(taskId), BigInt(begun.length)) : { decision };
      };
      await startWorker({ log: mine });
      await queue(taskIdOf(0), 0, mine);
      await queue(taskIdOf(0), 31, mine);
      await expect.poll(() => held.length, { timeout: 60_000 }).toBe(2);
      const joined = await startWorker({ log: theirs });
      const address = joined.key.address.toLowerCase();
      for (let partition = 0; partition < 32; partition++) await queue(taskIdOf(1), partition, mine);
      await expect.poll(() => begun.some(({ worker }) => worker === address), { timeout: 60_000 }).toBe(true);
      release();
      await expect.poll(() => orchestrator.told.completed.length, { timeout: 60_000 }).toBe(2);
      const group = `fhe-worker.${regionName()}`;
      await expect.poll(() => mine.lag(group, taskEvents(regionName()).name), { timeout: 60_000 }).toBe(0);
      expect(orchestrator.told.completed.map(({ fence }) => fence).sort()).toEqual([1n, 2n]);
      expect([orchestrator.told.failed, orchestrator.told.released]).toEqual([[], []]);
    } finally {
      for (const worker of workers) await worker.stop();
      workers = [];
      await mine.close();
      await theirs.close();
    }
  },
  180_000,
);
