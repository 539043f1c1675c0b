import { randomUUID } from "node:crypto";
import { type MessageLog, openEmbeddedLog, toMessage } from "@cos/messaging";
import { type EmbeddedObjects, objectKey, openEmbeddedObjects } from "@cos/objects";
import { allelicAssociation, type Plan, planDigestOf, planJob, taskSpec } from "@cos/programs";
import { type TinyDataset, tinyDataset } from "@cos/programs/tiny-dataset";
import { asDigest, asPermitId, type Digest, digestOfBytes, unwrap } from "@cos/protocol";
import { createLogger, type LogSink, silentLogger } from "@cos/service-host";
import { openTestStore, type TempFolder, type TestStore, tempFolder } from "@cos/testkit";
import { taskEvents } from "@cos/topics";
import { Wallet } from "ethers";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { composeFheWorker, type FheWorker } from "../src/index.ts";
import { Decision, type Script, startOrchestratorStandIn } from "./orchestrator-stand-in.ts";

export const chainId = 31_337n;
export const token = "test-token";
export const jobId = asPermitId(`0x${"7e".repeat(32)}`);
export const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");

/**
 * Workers with a real log and real objects beside an orchestrator that stands in and answers as `script` says. Called once
 * at the top of a file, whose hooks it sets: each test has a topic, an orchestrator and a script of its own.
 */
export function workerScene() {
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
    await stopWorkers();
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

  const specOf = (index: number) => taskSpec(plan, planDigest, index);
  const taskIdOf = (index: number) => specOf(index).taskId;

  /** What BeginTask answers for a task of the plan. `partials`: outputs of its inputs, for the reduce task. */
  async function lease(
    taskId: string,
    fence: bigint,
    partials: { digest: Digest; sizeBytes: number }[] = [],
  ) {
    const index = plan.tasks.findIndex((_, i) => taskIdOf(i) === taskId);
    const spec = specOf(index);
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

  async function stopWorkers(): Promise<void> {
    for (const worker of workers) await worker.stop();
    workers = [];
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

  return {
    get dataset() {
      return dataset;
    },
    get plan() {
      return plan;
    },
    get objects() {
      return objects.store;
    },
    get log() {
      return log;
    },
    get orchestrator() {
      return orchestrator;
    },
    /** What the orchestrator does; a test may change each of its answers. */
    get script() {
      return script;
    },
    put,
    read,
    specOf,
    taskIdOf,
    lease,
    regionName,
    queue,
    lag,
    startWorker,
    stopWorkers,
    holdOutputs,
  };
}
