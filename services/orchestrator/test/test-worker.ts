import { createWasmEngine } from "@cos/fhe";
import { defineTaskConsumer, done, type MessageLog, runConsumer, type Subscription } from "@cos/messaging";
import {
  evaluateEntries,
  type ReadObject,
  reducePartials,
  type TaskSpec,
  toOutputPieces,
} from "@cos/programs";
import { BeginTaskResponse_Decision as Decision, TaskServiceService } from "@cos/proto/compute";
import { asDigest, asPermitId, digestOfBytes, joinPieces, ok, signTaskAttestation } from "@cos/protocol";
import { createGrpcClient, type GrpcClient, RpcFault } from "@cos/service-host";
import { taskEvents } from "@cos/topics";
import { Wallet } from "ethers";

const engine = createWasmEngine();
const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");

async function evaluate(spec: TaskSpec, read: ReadObject) {
  const entries = await evaluateEntries(await engine, spec, read);
  return entries.ok ? ok(toOutputPieces(spec, entries.value)) : entries;
}

export type TaskClient = GrpcClient<typeof TaskServiceService>;

export type TestWorker = {
  readonly wallet: Wallet;
  readonly client: TaskClient;
  readonly address: string;
  /** Tasks whose completion counted. */
  readonly completed: string[];
  announce(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * A worker without a service around it: takes tasks from the log, evaluates them for real, and does what a test wants of
 * it: `tamper` changes an output before it is stored, `hold` is awaited between begin and evaluation.
 */
export async function startTestWorker(options: {
  log: MessageLog;
  orchestrator: () => string;
  serviceToken: string;
  chainId: bigint;
  region: string;
  /** Of the region's queue, where they are not as many as usual. */
  partitions?: number;
  wallet?: Wallet;
  tamper?: (output: Uint8Array, taskId: string) => Uint8Array;
  hold?: (task: {
    jobId: string;
    taskId: string;
    fence: bigint;
    kind: string;
  }) => Promise<"go on" | "vanish">;
}): Promise<TestWorker> {
  const { log, serviceToken, chainId, region } = options;
  const wallet = options.wallet ?? new Wallet(Wallet.createRandom().privateKey);
  const worker = bytes(wallet.address.toLowerCase());
  let address = options.orchestrator();
  let client = createGrpcClient(TaskServiceService, address, { "cos-service-token": serviceToken });
  /** The orchestrator's port changes when a test restarts it. */
  const current = (): TaskClient => {
    if (options.orchestrator() === address) return client;
    client.close();
    address = options.orchestrator();
    client = createGrpcClient(TaskServiceService, address, { "cos-service-token": serviceToken });
    return client;
  };
  const completed: string[] = [];
  /** Calls under way: a worker that asks is a worker that is there, so a stop waits for the answers. */
  const begins = new Set<Promise<unknown>>();

  async function run(
    { jobId, taskId, replica }: { jobId: Uint8Array; taskId: Uint8Array; replica: number },
    partition: number,
  ): Promise<void> {
    const beginning = current().beginTask({ jobId, taskId, worker, replica, partition });
    begins.add(beginning);
    const begun = await beginning.finally(() => begins.delete(beginning));
    if (begun.decision !== Decision.DECISION_RUN) return;
    const spec = JSON.parse(begun.taskJson) as TaskSpec;
    const { fence } = begun;
    if (
      (await options.hold?.({ jobId: hex(jobId), taskId: hex(taskId), fence, kind: spec.task.kind })) ===
      "vanish"
    )
      return;
    const urls = new Map(begun.inputs.map((input) => [hex(input.digest), input.url]));
    const read = async (ref: { digest: string }) =>
      new Uint8Array(await (await fetch(urls.get(ref.digest) ?? "")).arrayBuffer());
    const inputs = begun.inputs.map(({ digest, sizeBytes }) => ({
      digest: asDigest(hex(digest)),
      sizeBytes: Number(sizeBytes),
    }));
    const result =
      spec.task.kind === "evaluate"
        ? await evaluate(spec, read)
        : await reducePartials(await engine, spec, inputs, read);
    try {
      if (!result.ok) {
        await current().failTask({ taskId, fence, code: result.error.code, retryable: false });
        return;
      }
      const whole = joinPieces(result.value);
      const output = options.tamper?.(whole, hex(taskId)) ?? whole;
      const digest = digestOfBytes(output);
      const size = { digest: bytes(digest), sizeBytes: BigInt(output.length) };
      const { url } = await current().presignOutput({ taskId, fence, ...size });
      if (url !== "") {
        const put = await fetch(url, { method: "PUT", body: output as Uint8Array<ArrayBuffer> });
        if (put.status !== 200) throw new Error(`PUT answered ${put.status}`);
      }
      const attested = {
        permitId: asPermitId(hex(jobId)),
        taskId: asDigest(hex(taskId)),
        outputDigest: digest,
      };
      const signature = bytes(await signTaskAttestation(wallet, chainId, attested));
      const { counted } = await current().completeTask({
        taskId,
        fence,
        outputDigest: bytes(digest),
        sizeBytes: size.sizeBytes,
        signature,
        bytesRead: 1n,
        computeSeconds: 0.001,
      });
      if (counted) completed.push(hex(taskId));
    } catch (error) {
      if (!(error instanceof RpcFault) || error.status !== "ABORTED") throw error;
    }
  }

  const topic = taskEvents(region, options.partitions);
  const consumer = defineTaskConsumer({
    name: `fhe-worker.${region}`,
    topic,
    handle: async ({ event }, delivery) => {
      if (!event) throw new Error("no event");
      await run(event.value, delivery.partition);
      return done;
    },
  });
  const announce = async () => {
    await current().announceWorker({ worker, regions: [region] });
  };
  await announce();
  const subscription: Subscription = await runConsumer(consumer, {
    log,
    maxInFlight: 2,
    retry: { attempts: 10_000, firstDelayMs: 50, maxDelayMs: 200 },
  });
  return {
    wallet,
    get client() {
      return current();
    },
    address: wallet.address.toLowerCase(),
    completed,
    announce,
    stop: async () => {
      await subscription.close({ drain: false });
      await Promise.allSettled(begins);
      client.close();
    },
  };
}
