import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type MessageLog, runConsumer, type Subscription } from "@cos/messaging";
import { EvaluationPool } from "@cos/programs";
import { descriptorSet } from "@cos/proto";
import { TaskServiceService } from "@cos/proto/compute";
import { WorkerServiceService } from "@cos/proto/worker";
import { asAddress, signTaskAttestation } from "@cos/protocol";
import {
  createGrpcClient,
  grpcService,
  type HostedService,
  hostService,
  type Logger,
  requireServiceToken,
  serviceNeed,
  serviceTokenKey,
  type Wire,
} from "@cos/service-host";
import { Telemetry, tracedLog } from "@cos/telemetry";
import { agentUnder, type TlsMaterial } from "@cos/tls";
import type { Wallet } from "ethers";
import { grpcTaskApi } from "./adapters/grpc-task-api.ts";
import { httpTransfers } from "./adapters/http-transfers.ts";
import { poolEvaluate } from "./adapters/pool-evaluate.ts";
import { taskConsumer } from "./adapters/task-consumer.ts";
import {
  observedEvaluate,
  observedTask,
  observedTransfers,
  quietHeartbeats,
  watchWorker,
} from "./adapters/telemetry.ts";
import { createBufferPool } from "./app/buffer-pool.ts";
import { createByteBudget } from "./app/byte-budget.ts";
import { runTask } from "./app/run-task.ts";
import type { WorkerConfig } from "./config.ts";
import type { WorkerLogEvent } from "./log-events.ts";

/** What a worker is given: no bucket, no database, no key of anybody else. */
export interface WorkerParts {
  readonly log: MessageLog;
  readonly key: Pick<Wallet, "address" | "signTypedData">;
  readonly logger: Logger<WorkerLogEvent>;
  readonly serviceToken: string;
  readonly telemetry?: Telemetry;
  /** Whom presigned URLs over https are believed by; public authorities when left out. */
  readonly objectsTls?: TlsMaterial | undefined;
  /** How gRPC runs; in the clear on the loopback when left out. */
  readonly wire?: Wire | undefined;
}

export interface FheWorker {
  start(): Promise<void>;
  /** Takes no further task, lets running ones finish up to `drainSeconds`, hands the rest back. */
  stop(): Promise<void>;
  readonly grpcAddress: string;
  /** Root of `/metrics`, `/healthz` and `/readyz`. */
  readonly metricsUrl: string;
}

const words = Buffer.from;
const announceDeadlineMs = 5_000;

/** The composition root of a worker. */
export function composeFheWorker(config: WorkerConfig, parts: WorkerParts): FheWorker {
  const { logger, key, telemetry = new Telemetry({ service: "fhe-worker" }) } = parts;
  const log = tracedLog(telemetry, parts.log);
  const worker = asAddress(key.address);
  const orchestrator = createGrpcClient(
    TaskServiceService,
    config.orchestratorAddress,
    { [serviceTokenKey]: parts.serviceToken },
    { wire: parts.wire },
  );
  const pool = new EvaluationPool(config.threads, config.engine);
  const agent = parts.objectsTls && agentUnder(parts.objectsTls);
  const readAheadBytes = config.readAheadMebibytes * 2 ** 20;
  const buffers = createBufferPool(readAheadBytes);
  const state = { running: 0, done: 0n, draining: false };
  watchWorker(telemetry, state);
  const begun = new AbortController();
  const late = new AbortController();
  setMaxListeners(0, begun.signal, late.signal);
  const running = new Set<Promise<unknown>>();
  let draining: Promise<void> | undefined;
  let subscriptions: Subscription[] = [];
  let hosted: HostedService | undefined;

  const runParts = {
    tasks: quietHeartbeats(grpcTaskApi(orchestrator, worker)),
    transfers: observedTransfers(telemetry, httpTransfers(buffers, agent)),
    evaluate: observedEvaluate(telemetry, poolEvaluate(pool, buffers)),
    attest: (permitId, taskId, outputDigest) =>
      signTaskAttestation(key, config.chainId, { permitId, taskId, outputDigest }),
    budget: createByteBudget(readAheadBytes),
    keepBytes: readAheadBytes / 2, // as much again may be read ahead for other tasks meanwhile
    heartbeatMs: config.heartbeatMs,
    elapsedMs: () => performance.now(),
    drain: { begun: begun.signal, late: late.signal },
  } satisfies Parameters<typeof runTask>[1];

  const run: Parameters<typeof taskConsumer>[0]["run"] = async (task) => {
    state.running++;
    const ending = observedTask(telemetry, task, () => runTask(task, runParts));
    running.add(ending);
    try {
      const outcome = await ending;
      if (outcome.kind === "COMPLETED") state.done++;
      return outcome;
    } finally {
      running.delete(ending);
      state.running--;
    }
  };

  const identity = words(worker.slice(2), "hex");
  const announce = (leaving: boolean) =>
    orchestrator.announceWorker(
      { worker: identity, regions: [...config.regions], capacity: config.threads, leaving },
      { deadlineMs: announceDeadlineMs },
    );

  const showServing = (serving: boolean) => {
    hosted?.setServing(serving);
    for (const region of config.regions) hosted?.report(`region/${region}`, serving);
  };

  /**
   * Takes no further task, hands back those that do not compute yet, lets the others run for `drainSeconds`, and hands
   * back what is left then. Whatever is handed back, another worker gets at once.
   */
  const drain = (): Promise<void> => {
    draining ??= (async () => {
      state.draining = true;
      showServing(false);
      begun.abort();
      logger.info("worker.draining", { worker });
      const timer = setTimeout(() => late.abort(), config.drainSeconds * 1_000);
      const left = announce(true).catch(() => logger.warn("worker.announce-failed", { worker }));
      const closed = Promise.all(subscriptions.map((one) => one.close({ drain: true })));
      // The log lets go of handlers sooner than tasks end; their leases do not.
      while (running.size > 0) await Promise.allSettled(running);
      clearTimeout(timer);
      await Promise.all([closed, left]);
    })();
    return draining;
  };

  const announceForever = async () => {
    while (!begun.signal.aborted) {
      const again = await announce(false).then(
        (answer) => answer.againAfterSeconds * 1000,
        () => {
          logger.warn("worker.announce-failed", { worker });
          return 1_000;
        },
      );
      await delay(again, undefined, { signal: begun.signal }).catch(() => {});
    }
  };

  const service = grpcService(
    WorkerServiceService,
    {
      getStatus: async () => ({
        worker: identity,
        region: config.regions.join(","),
        engine: pool.engine,
        ...state,
      }),
      drain: async () => {
        void drain();
        return {};
      },
    },
    {
      guard: requireServiceToken(parts.serviceToken),
      onBug: (rpc, error) =>
        logger.error("rpc.bug", { rpc, errorName: error instanceof Error ? error.name : "" }),
    },
  );

  return {
    get grpcAddress() {
      if (hosted === undefined) throw new Error("the worker has not started");
      return hosted.grpcAddress;
    },
    get metricsUrl() {
      return hosted?.metricsUrl ?? "";
    },
    start: async () => {
      hosted = await hostService({
        host: config.host,
        grpc: {
          port: config.grpcPort,
          healthPort: config.healthPort,
          services: [service],
          descriptorSet: descriptorSet(),
          wire: parts.wire,
        },
        observe: { telemetry, metricsPort: config.metricsPort },
        needs: [
          { name: "part/broker", probe: () => log.ping() },
          serviceNeed("orchestrator", config.orchestratorAddress, parts.wire),
        ],
      });
      void announceForever();
      // More deliveries than threads, so that the next task is fetched while the last is evaluated.
      const maxInFlight = config.threads + config.prefetchTasks;
      subscriptions = await Promise.all(
        config.regions.map((region) =>
          runConsumer(taskConsumer({ region, partitions: config.taskPartitions, logger, run }), {
            log,
            maxInFlight,
            retry: { attempts: 1_000_000, firstDelayMs: 200, maxDelayMs: 5_000 },
            onEvent: ({ type, reason, topic }) =>
              logger.warn("consumer.trouble", { state: type, reason, topic }),
          }),
        ),
      );
      showServing(true);
      logger.info("worker.started", { worker, region: config.regions.join(","), engine: pool.engine });
    },
    stop: async () => {
      await drain();
      await hosted?.close();
      await pool.close();
      await agent?.destroy();
      orchestrator.close();
      logger.info("worker.stopped", { worker });
    },
  };
}
