import { memorySource } from "@cos/fhe";
import { defineTaskConsumer, done, type MessageLog, runConsumer, toMessage } from "@cos/messaging";
import { type EmbeddedObjects, objectKey, openEmbeddedObjects } from "@cos/objects";
import { algorithmIdOf, allelicAssociation, openResult, programBytes, verifyResult } from "@cos/programs";
import type { TinyDataset } from "@cos/programs/tiny-dataset";
import { type ChainEvent, Stage } from "@cos/proto/chain";
import { ComputeServiceService, type Job, type JobEvent, JobState } from "@cos/proto/compute";
import {
  anyRegion,
  asDigest,
  asPermitId,
  type Digest,
  digestOfBytes,
  type JobDocument,
  jobDocumentBytes,
  manifestCommitment,
  type PermitId,
  type Purpose,
  parseResultBundle,
  purposeHash,
  statePurpose,
  toRegionCode,
  unwrap,
} from "@cos/protocol";
import { createGrpcClient, readConfig, silentLogger } from "@cos/service-host";
import type { Db } from "@cos/store";
import { tempFolder } from "@cos/testkit";
import { chainEvents, jobEvents } from "@cos/topics";
import { expect } from "vitest";
import {
  composeOrchestrator,
  type Orchestrator,
  type OrchestratorConfig,
  orchestratorSettings,
} from "../src/index.ts";
import { type MirrorFacts, startAccessStandIn } from "./access-stand-in.ts";
import { embeddedParts, type PlatformParts } from "./platform-parts.ts";
import { startTestWorker, type TestWorker } from "./test-worker.ts";

const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");
const hex = (value: Uint8Array): string => `0x${Buffer.from(value).toString("hex")}`;
const chainId = 31_337n;
const serviceToken = "test-token";
const region = "eu";

const purpose: Purpose = { duo: ["DUO:0000042"], statement: "which loci?" };

export const jobOf = (trait: string, wanted = purpose): JobDocument => ({
  format: "cos-job/1",
  params: { trait },
  purpose: statePurpose(wanted),
});

/** Everything around one orchestrator: store, log, objects, `access` as it sees it, a chain's logs as a test writes them. */
export async function startPlatform(
  dataset: TinyDataset,
  options: {
    config?: Partial<OrchestratorConfig>;
    duplicateDeliveries?: boolean;
    parts?: Promise<PlatformParts>;
  } = {},
) {
  const folder = await tempFolder("orchestrator");
  const parts = await (options.parts ??
    embeddedParts({ duplicateDeliveries: options.duplicateDeliveries ?? false }));
  const own = await parts.open();
  const { db, log } = own;
  let ahead = 0;
  /** The real clock, which a test may move forward. */
  const clock = {
    get now() {
      return Math.floor(Date.now() / 1000) + ahead;
    },
    forward: (seconds: number) => {
      ahead += seconds;
    },
  };
  const objects: EmbeddedObjects = await openEmbeddedObjects({ dataDir: folder.path });
  const put = async (body: Uint8Array): Promise<Digest> => {
    const digest = digestOfBytes(body);
    unwrap(await objects.store.put(objectKey(digest), body, { sizeBytes: body.length, digest }));
    return digest;
  };
  for (const body of dataset.objects.values()) await put(body);
  const program = await put(programBytes(allelicAssociation));
  const algorithmId = algorithmIdOf(allelicAssociation);
  const paramsHash = await put(jobDocumentBytes(jobOf("affected")));
  const uri = (digest: Digest) => `cos-object:${digest.slice(2)}`;
  const facts: MirrorFacts = {
    permits: new Map(),
    datasets: new Map([
      [
        "1",
        {
          regionCode: toRegionCode(region),
          versions: [
            {
              version: 1,
              manifestCommitment: manifestCommitment(dataset.manifest),
              manifestUri: uri(dataset.manifestDigest),
            },
          ],
        },
      ],
    ]),
    algorithms: new Map([[algorithmId, { state: "approved", uri: uri(program) }]]),
    regions: new Map(),
    refusals: new Map(),
    finalized: 0n,
    down: false,
  };
  const access = await startAccessStandIn(facts, serviceToken);
  const defaults = unwrap(
    readConfig(orchestratorSettings, "T_", { T_ACCESS_ADDRESS: access.address, T_CHAIN_ID: String(chainId) }),
  );
  const config: OrchestratorConfig = { ...defaults, sweepSeconds: 1, ...options.config };

  let orchestrator: Orchestrator | undefined;
  let address = "";
  const compose = (over: { db: Db; log: MessageLog }): Orchestrator =>
    composeOrchestrator(config, {
      ...over,
      objects: objects.store,
      logger: silentLogger,
      now: () => clock.now,
      serviceToken,
    });
  const start = async (over: { db: Db; log: MessageLog } = { db, log }): Promise<Orchestrator> => {
    orchestrator = compose(over);
    await orchestrator.start();
    address = orchestrator.grpcAddress;
    return orchestrator;
  };
  const stop = async () => {
    await orchestrator?.stop();
    orchestrator = undefined;
  };
  await start();
  /** Another process over the same store and log. */
  const startAnother = async (): Promise<{ address: string; stop(): Promise<void> }> => {
    const process = await parts.open();
    const another = compose(process);
    await another.start();
    return {
      address: another.grpcAddress,
      stop: async () => {
        await another.stop();
        await process.close();
      },
    };
  };

  const seen: JobEvent[] = [];
  const spy = await runConsumer(
    defineTaskConsumer({
      name: "test.spy",
      topic: jobEvents,
      handle: async (event) => {
        seen.push(event);
        return done;
      },
    }),
    { log },
  );

  let height = 100n;
  /** Publishes one log as the mirror does; answers it, so that it can be delivered again or retracted. */
  const emit = async (
    event: NonNullable<ChainEvent["event"]>,
    over: Partial<ChainEvent> & { messageId?: string } = {},
  ): Promise<ChainEvent> => {
    const { messageId, ...fields } = over;
    height += 1n;
    const blockNumber = over.blockNumber ?? height;
    const full: ChainEvent = {
      chainId,
      blockNumber,
      blockHash: bytes(digestOfBytes(Buffer.from(`block ${blockNumber} ${Math.random()}`))),
      blockTime: BigInt(clock.now),
      transactionHash: Buffer.alloc(32, 1),
      logIndex: 0,
      stage: Stage.STAGE_CONFIRMED,
      contract: "JobPermits",
      event,
      ...fields,
    };
    const id = messageId ?? `${hex(full.blockHash)}:${full.logIndex}:${full.stage}`;
    await log.publish([toMessage(chainEvents, full, { messageId: id, producer: "access" })]);
    return full;
  };

  let nonce = 0;
  const issue = async (
    over: {
      algorithmId?: Digest;
      paramsHash?: Digest;
      purposeHash?: Digest;
      commitment?: Digest;
      version?: number;
      expiry?: number;
      replicas?: number;
      grantId?: string;
      regionCode?: Digest;
      permitId?: PermitId;
      grantee?: Buffer;
      operator?: Buffer;
      event?: Partial<ChainEvent>;
    } = {},
  ): Promise<{ permitId: PermitId; log: ChainEvent }> => {
    nonce += 1;
    const permitId =
      over.permitId ?? asPermitId(digestOfBytes(Buffer.from(`permit ${nonce} ${Math.random()}`)));
    if (!facts.permits.has(permitId)) facts.permits.set(permitId, "issued");
    const issued = await emit(
      {
        $case: "jobPermitIssued",
        value: {
          permitId: bytes(permitId),
          grantee: over.grantee ?? Buffer.alloc(20, 0xaa),
          datasets: [
            {
              grantId: over.grantId ?? "9",
              datasetId: "1",
              version: over.version ?? 1,
              manifestCommitment: bytes(over.commitment ?? manifestCommitment(dataset.manifest)),
              dataShare: "0",
            },
          ],
          algorithmId: bytes(over.algorithmId ?? algorithmId),
          paramsHash: bytes(over.paramsHash ?? paramsHash),
          purposeHash: bytes(over.purposeHash ?? purposeHash(purpose)),
          regionCode: bytes(over.regionCode ?? anyRegion),
          expiry: BigInt(over.expiry ?? clock.now + 3_600),
          challengeWindowSeconds: 0n,
          releaseWindowSeconds: 3_600n,
          replicas: over.replicas ?? 0,
          fee: "0",
          token: Buffer.alloc(20),
          issuer: Buffer.alloc(20, 0xaa),
          nonce: String(nonce),
          termsHash: Buffer.alloc(32),
          issuedAt: BigInt(clock.now),
          operator: over.operator ?? Buffer.alloc(20, 1),
          maxFee: "0",
          epsilonMicro: 0n,
          deltaNano: 0n,
          exactReleases: 0,
          computeShare: "0",
          authorShare: "0",
          workFee: "0",
          graceEnds: 0n,
        },
      },
      over.event,
    );
    return { permitId, log: issued };
  };

  const client = () =>
    createGrpcClient(ComputeServiceService, address, { "cos-service-token": serviceToken });
  const job = async (permitId: PermitId): Promise<Job | undefined> => {
    const compute = client();
    try {
      return (await compute.getJob({ jobId: bytes(permitId) })).job;
    } catch {
      return undefined;
    } finally {
      compute.close();
    }
  };
  const stateName = (code: number) =>
    Object.entries(JobState)
      .find(([, value]) => value === code)?.[0]
      ?.replace("JOB_STATE_", "");
  /** Waits until the job is in one of the states; answers the job. */
  const reaches = async (permitId: PermitId, ...states: string[]): Promise<Job> => {
    let last: Job | undefined;
    await expect
      .poll(
        async () => {
          last = await job(permitId);
          return last && stateName(last.state);
        },
        { timeout: 60_000, interval: 25 },
      )
      .toSatisfy((state) => states.includes(String(state)));
    return last as Job;
  };

  const workers: TestWorker[] = [];
  const addWorker = async (
    over: Partial<Parameters<typeof startTestWorker>[0]> & { attested?: boolean } = {},
  ): Promise<TestWorker> => {
    const worker = await startTestWorker({
      log,
      orchestrator: () => address,
      serviceToken,
      chainId,
      region,
      ...over,
    });
    if (over.attested ?? true) facts.regions.set(worker.address, toRegionCode(region));
    workers.push(worker);
    return worker;
  };

  /** Events about a job, by name. */
  const told = (permitId: PermitId) =>
    seen.filter((event) => hex(event.jobId) === permitId).map((event) => event.event?.$case);

  /** Reads bundle and result by what the job says, verifies both as an owner does, opens and compares with plain counting. */
  const expectRightResult = async (finished: Job, minReplicas = 2): Promise<void> => {
    const read = async (digest: Digest) => {
      const found = unwrap(await objects.store.get(objectKey(digest)));
      return Buffer.concat(await Array.fromAsync(found.body));
    };
    const bundle = unwrap(
      parseResultBundle(await read(asDigest(finished.resultUri.replace("cos-object:", "0x")))),
    );
    const result = memorySource(await read(bundle.entries.digest));
    const verified = unwrap(
      await verifyResult({
        permit: {
          permitId: asPermitId(hex(finished.jobId)),
          algorithmId,
          paramsHash: paramsHash,
          purposeHash: purposeHash(purpose),
          datasetRoots: [manifestCommitment(dataset.manifest)],
          resultCommitment: asDigest(hex(finished.resultCommitment)),
        },
        program: allelicAssociation,
        manifests: [dataset.manifest],
        bundle,
        result,
        assurance: {
          kind: "replicas",
          chainId,
          minReplicas,
          isWorker: (one) => workers.some((worker) => worker.address === one),
        },
      }),
    );
    const opened = unwrap(await openResult(verified.plan, verified.ciphertexts, dataset.key));
    expect(Object.fromEntries(opened.sums)).toMatchObject(dataset.expected);
  };

  return {
    clock,
    config,
    db,
    log,
    objects,
    facts,
    emit,
    issue,
    job,
    reaches,
    stateName,
    told,
    seen,
    addWorker,
    put,
    algorithmId,
    paramsHash,
    client,
    start,
    startAnother,
    stop,
    expectRightResult,
    address: () => address,
    dispose: async () => {
      for (const worker of workers) await worker.stop();
      await stop();
      await spy.close();
      await own.close();
      await access.close();
      await objects.close();
      await parts.dispose();
      await folder.remove();
    },
  };
}

export type Platform = Awaited<ReturnType<typeof startPlatform>>;
