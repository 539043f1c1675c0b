import {
  type MessageLog,
  type OutboxRelay,
  runConsumer,
  type Subscription,
  startOutboxRelay,
} from "@cos/messaging";
import type { ObjectStore } from "@cos/objects";
import { opsService } from "@cos/ops";
import { descriptorSet } from "@cos/proto";
import { AccessServiceService } from "@cos/proto/access";
import type { JobId } from "@cos/protocol";
import {
  createGrpcClient,
  type HostedService,
  hostService,
  type Logger,
  requireServiceToken,
  serviceNeed,
  serviceTokenKey,
  type Wire,
} from "@cos/service-host";
import type { Db } from "@cos/store";
import { Telemetry, tracedLog, tracedObjects, watchOutbox } from "@cos/telemetry";
import { jobEvents, taskEvents } from "@cos/topics";
import { chainConsumer } from "./adapters/chain-consumer.ts";
import { accessAuthority } from "./adapters/grpc/access-authority.ts";
import { computeService } from "./adapters/grpc/compute-service.ts";
import { taskService } from "./adapters/grpc/task-service.ts";
import { objectBytes } from "./adapters/object-bytes.ts";
import { outboxAnnouncer, startPartition } from "./adapters/outbox-announcer.ts";
import { createJobRecords, jobChannel, jobsChannel } from "./adapters/postgres/job-records.ts";
import { migrations } from "./adapters/postgres/migrations.ts";
import { queueChannel } from "./adapters/postgres/queue-records.ts";
import { servedRegions } from "./adapters/postgres/served-regions.ts";
import { createTaskRecords, unwantedChannel } from "./adapters/postgres/task-records.ts";
import { createUploadRecords } from "./adapters/postgres/upload-records.ts";
import { workerRecords } from "./adapters/postgres/worker-records.ts";
import { observedJobs, tracedAnnouncer, traceOfTask, watchJobs } from "./adapters/telemetry.ts";
import { startWorkLoop, type WorkLoop } from "./adapters/work-loop.ts";
import { dispatchTasks } from "./app/dispatch-tasks.ts";
import { finishJob } from "./app/finish-job.ts";
import { planPermit } from "./app/plan-permit.ts";
import { catchUp } from "./app/settle-task.ts";
import {
  deleteOrphans,
  dropLostJobs,
  expireJobs,
  forgiveSilence,
  giveUpTies,
  raceStragglers,
  reclaimTasks,
} from "./app/sweep.ts";
import type { OrchestratorConfig } from "./config.ts";
import type { OrchestratorEvent } from "./log-events.ts";

export interface OrchestratorParts {
  /** Schema `orchestrator` of the store. */
  readonly db: Db;
  readonly log: MessageLog;
  readonly objects: ObjectStore;
  readonly logger: Logger<OrchestratorEvent>;
  /** Unix seconds. */
  readonly now: () => number;
  readonly serviceToken: string;
  readonly telemetry?: Telemetry;
  /** How gRPC runs; in the clear on the loopback when left out. */
  readonly wire?: Wire | undefined;
}

export interface Orchestrator {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** `host:port`, once started. */
  readonly grpcAddress: string;
  /** Root of `/metrics`, `/healthz` and `/readyz`, once started. */
  readonly metricsUrl: string;
}

/** A quarter of an hour: a lost database must not put a revocation aside, a poisonous event must not stop all jobs. */
const chainRetry = { attempts: 180, firstDelayMs: 100, maxDelayMs: 5_000 };

/** Few, because whose turn it is is asked before each pass: a late grantee waits for one pass, not for what others have due. */
const jobsPerPass = 8;

/** The composition root of the orchestrator. */
export function composeOrchestrator(config: OrchestratorConfig, parts: OrchestratorParts): Orchestrator {
  const { db, logger, now, serviceToken, telemetry = new Telemetry({ service: "orchestrator" }) } = parts;
  const log = tracedLog(telemetry, parts.log);
  watchOutbox(telemetry, db);
  watchJobs(telemetry, { db, log, now, ...config });
  const access = createGrpcClient(
    AccessServiceService,
    config.accessAddress,
    { [serviceTokenKey]: serviceToken },
    { wire: parts.wire },
  );
  const jobs = observedJobs(
    telemetry,
    createJobRecords(db, (jobId, state) => logger.info("job.moved", { jobId, state })),
  );
  const tasks = createTaskRecords(db);
  const deps = {
    ...config,
    jobs,
    tasks,
    workers: workerRecords,
    uploads: createUploadRecords(db),
    announcer: tracedAnnouncer(telemetry, outboxAnnouncer(traceOfTask(telemetry))),
    objects: objectBytes(tracedObjects(telemetry, parts.objects), config.urlTtlSeconds),
    authority: accessAuthority(access, now),
    inTransaction: db.inTransaction.bind(db),
    now,
    replicasFor: (asked: number) =>
      asked === 0 ? config.defaultReplicas : Math.min(asked, config.maxReplicas),
    rates: {
      wasm: { passesPerSecond: config.passesPerSecond, storeBytesPerSecond: config.storeBytesPerSecond },
      native: {
        passesPerSecond: config.nativePassesPerSecond,
        storeBytesPerSecond: config.storeBytesPerSecond,
      },
    },
    price: {
      perComputeSecond: config.pricePerComputeSecond,
      perInputMebibyte: config.pricePerInputMebibyte,
    },
    onChange: (jobId: JobId, changed: () => void) => db.listen(jobChannel(jobId), changed),
    onUnwanted: (jobId: JobId, unwanted: () => void) => db.listen(unwantedChannel(jobId), unwanted),
    partitions: config.taskPartitions,
    startOf: startPartition(config.taskPartitions),
  };
  const nameOf = (error: unknown) => (error instanceof Error ? error.name : "UNKNOWN");
  const codeOf = (error: unknown) =>
    error instanceof Error && "code" in error ? String(error.code) : nameOf(error);

  const spanOf = { PERMITTED: "job plan", REDUCING: "job finish" } as const;
  /** Tries each job on its own: one that cannot go on now is put off and holds up no other. */
  const each = async (
    state: "PERMITTED" | "REDUCING",
    event: OrchestratorEvent,
    step: (jobId: JobId) => Promise<void>,
  ): Promise<void> => {
    for (const jobId of await jobs.due(state, now(), jobsPerPass)) {
      try {
        await telemetry.jobSpanIfUsed(jobId, spanOf[state], {}, () => step(jobId));
      } catch (error) {
        logger.warn(event, { jobId, code: codeOf(error), errorName: nameOf(error) });
        await jobs.postpone(jobId, (attempts) => now() + Math.min(10, attempts));
      }
    }
  };
  const failed = (stage: string) => (error: unknown) =>
    logger.error("loop.failed", { stage, code: codeOf(error), errorName: nameOf(error) });

  const moveJobs = async () => {
    await each("PERMITTED", "job.plan-delayed", (jobId) => planPermit(deps, jobId));
    for (const jobId of await tasks.stalled(jobsPerPass)) await catchUp(deps, jobId);
    await each("REDUCING", "job.finish-delayed", (jobId) => finishJob(deps, jobId));
  };
  /** Longer than this between two sweeps, nobody was there to hear the workers. */
  const awaySeconds = 2 * config.sweepSeconds + 3;
  let sweptAt: number | undefined;
  const sweep = async () => {
    // By a clock that only this process's own pauses move; how long nobody at all was there, the store knows.
    const wasAway = sweptAt === undefined || performance.now() - sweptAt > awaySeconds * 1_000;
    sweptAt = performance.now();
    const forgiven = await forgiveSilence(deps, wasAway ? awaySeconds : undefined);
    if (forgiven > 0) logger.warn("leases.forgiven", { count: forgiven });
    const reclaimed = await reclaimTasks(deps);
    telemetry.metrics.count("leasesLost", {}, reclaimed);
    if (reclaimed > 0) logger.warn("tasks.reclaimed", { count: reclaimed });
    const raced = await raceStragglers(deps);
    if (raced > 0) logger.info("tasks.raced", { count: raced });
    await expireJobs(deps);
    await giveUpTies(deps);
    await dropLostJobs(deps);
    const deleted = await deleteOrphans(deps);
    if (deleted > 0) logger.info("objects.deleted", { count: deleted });
  };

  const regionsDeclared = new Set<string>();
  /** Topics of work exist before the relay sends to them. */
  const declareRegions = async (regions: readonly string[]) => {
    for (const region of regions) {
      if (regionsDeclared.has(region)) continue;
      await log.declare(taskEvents(region, config.taskPartitions));
      regionsDeclared.add(region);
    }
  };

  const regionsNow = () => servedRegions(db, { ...config, now: now() });
  const shown = new Set<string>();
  const showRegions = async () => {
    const regions = await regionsNow();
    for (const name of regions.keys()) shown.add(name);
    for (const name of shown) {
      const known = regions.get(name);
      hosted?.report(`region/${name}`, known && known.workers > 0);
      hosted?.report(`tasks/${name}`, known && !(known.workers === 0 && known.hasWork));
    }
  };

  let loops: WorkLoop[] = [];
  let unlisten: (() => void)[] = [];
  let relay: OutboxRelay | undefined;
  let following: Subscription | undefined;
  let hosted: HostedService | undefined;

  return {
    get grpcAddress() {
      if (!hosted) throw new Error("the orchestrator has not started");
      return hosted.grpcAddress;
    },
    get metricsUrl() {
      return hosted?.metricsUrl ?? "";
    },
    start: async () => {
      await db.migrate(migrations);
      await log.declare(jobEvents);
      const options = {
        guard: requireServiceToken(serviceToken),
        onBug: (rpc: string, error: unknown) =>
          logger.error("rpc.bug", { rpc, code: codeOf(error), errorName: nameOf(error) }),
      };
      hosted = await hostService({
        host: config.host,
        grpc: {
          port: config.grpcPort,
          healthPort: config.healthPort,
          services: [
            computeService(deps, options),
            taskService(deps, options),
            opsService({
              service: "orchestrator",
              db,
              serviceToken,
              facts: async () =>
                Object.fromEntries(
                  [...(await regionsNow())].map(([name, { workers }]) => [`workers.${name}`, workers]),
                ),
              onBug: options.onBug,
            }),
          ],
          descriptorSet: descriptorSet(),
          wire: parts.wire,
        },
        observe: { telemetry, metricsPort: config.metricsPort },
        needs: [
          { name: "part/database", probe: () => db.query("SELECT 1") },
          { name: "part/broker", probe: () => log.ping() },
          { name: "part/objects", probe: () => parts.objects.head("objects/none") },
          serviceNeed("access", config.accessAddress, parts.wire),
        ],
      });
      relay = startOutboxRelay({
        db,
        publisher: {
          publish: async (messages) => {
            await declareRegions(messages.flatMap(({ topic }) => regionOfTopic(topic)));
            await log.publish(messages);
          },
        },
        onFailure: (error) => logger.warn("outbox.stuck", { code: codeOf(error), errorName: nameOf(error) }),
      });
      const idleMs = config.sweepSeconds * 1_000;
      const mover = startWorkLoop(moveJobs, { idleMs, onFailure: failed("jobs") });
      const dispatcher = startWorkLoop(() => dispatchTasks(deps), { idleMs, onFailure: failed("dispatch") });
      const sweeper = startWorkLoop(sweep, { idleMs, onFailure: failed("sweep") });
      const shower = startWorkLoop(showRegions, { idleMs: 5_000, onFailure: failed("regions") });
      loops = [mover, dispatcher, sweeper, shower];
      unlisten = [db.listen(jobsChannel, mover.wake), db.listen(queueChannel, dispatcher.wake)];
      following = await runConsumer(chainConsumer(deps), {
        log,
        db,
        retry: chainRetry,
        onEvent: ({ type, reason, topic, messageId, attempt }) =>
          logger.warn("consumer.trouble", {
            state: type,
            reason,
            topic,
            ...(messageId === undefined ? {} : { messageId }),
            ...(attempt === undefined ? {} : { attempt }),
          }),
      });
      hosted.setServing(true);
      logger.info("orchestrator.started", { address: hosted.grpcAddress });
    },
    stop: async () => {
      hosted?.setServing(false);
      await following?.close();
      for (const stop of unlisten) stop();
      await Promise.all(loops.map((loop) => loop.stop()));
      await hosted?.close();
      await relay?.close().catch(failed("outbox")); // what could not be sent is sent after the next start
      access.close();
      logger.info("orchestrator.stopped");
    },
  };
}

/** `compute.tasks.eu.v1` -> `eu`. */
const regionOfTopic = (topic: string): string[] => {
  const match = /^compute\.tasks\.(.+)\.v1$/.exec(topic);
  return match?.[1] === undefined ? [] : [match[1]];
};
