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
  serviceTokenKey,
} from "@cos/service-host";
import type { Wallet } from "ethers";
import { grpcTaskApi } from "./adapters/grpc-task-api.ts";
import { httpTransfers } from "./adapters/http-transfers.ts";
import { poolEvaluate } from "./adapters/pool-evaluate.ts";
import { taskConsumer } from "./adapters/task-consumer.ts";
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
}

export interface FheWorker {
  start(): Promise<void>;
  /** Takes no further task and lets running ones finish. */
  stop(): Promise<void>;
  readonly grpcAddress: string;
}

const words = Buffer.from;

/** The composition root of a worker. */
export function composeFheWorker(config: WorkerConfig, parts: WorkerParts): FheWorker {
  const { logger, log, key } = parts;
  const worker = asAddress(key.address);
  const orchestrator = createGrpcClient(TaskServiceService, config.orchestratorAddress, {
    [serviceTokenKey]: parts.serviceToken,
  });
  const pool = new EvaluationPool(config.threads);
  const state = { running: 0, done: 0n, draining: false };
  const stopping = new AbortController();
  let subscriptions: Subscription[] = [];
  let hosted: HostedService | undefined;

  const runParts = {
    tasks: grpcTaskApi(orchestrator, worker),
    transfers: httpTransfers(),
    evaluate: poolEvaluate(pool),
    attest: (permitId, taskId, outputDigest) =>
      signTaskAttestation(key, config.chainId, { permitId, taskId, outputDigest }),
    budget: createByteBudget(config.readAheadMebibytes * 2 ** 20),
    heartbeatMs: config.heartbeatMs,
    elapsedMs: () => performance.now(),
  } satisfies Parameters<typeof runTask>[1];

  const run: Parameters<typeof taskConsumer>[0]["run"] = async (task, stop) => {
    state.running++;
    try {
      const outcome = await runTask(task, runParts, stop);
      if (outcome.kind === "COMPLETED") state.done++;
      return outcome;
    } finally {
      state.running--;
    }
  };

  const drain = async () => {
    if (state.draining) return;
    state.draining = true;
    stopping.abort();
    logger.info("worker.draining", { worker });
    await Promise.all(subscriptions.map((one) => one.close({ drain: true })));
  };

  const announceForever = async () => {
    const request = { worker: words(worker.slice(2), "hex"), regions: [...config.regions] };
    while (!stopping.signal.aborted) {
      const again = await orchestrator.announceWorker(request, { deadlineMs: 5_000 }).then(
        (answer) => answer.againAfterSeconds * 1000,
        () => {
          logger.warn("worker.announce-failed", { worker });
          return 1_000;
        },
      );
      await delay(again, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };

  const service = grpcService(
    WorkerServiceService,
    {
      getStatus: async () => ({
        worker: words(worker.slice(2), "hex"),
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
    start: async () => {
      hosted = await hostService({
        host: config.host,
        grpc: { port: config.grpcPort, services: [service], descriptorSet: descriptorSet() },
      });
      void announceForever();
      // One more delivery than threads, so that the next task is fetched while the last is evaluated.
      const maxInFlight = config.threads + 1;
      subscriptions = await Promise.all(
        config.regions.map((region) =>
          runConsumer(taskConsumer({ region, log, logger, run }), {
            log,
            maxInFlight,
            retry: { attempts: 1_000_000, firstDelayMs: 200, maxDelayMs: 5_000 },
            onEvent: ({ type, reason, topic }) =>
              logger.warn("consumer.trouble", { state: type, reason, topic }),
          }),
        ),
      );
      hosted.setServing(true);
      logger.info("worker.started", { worker, region: config.regions.join(","), engine: pool.engine });
    },
    stop: async () => {
      await drain();
      await hosted?.close();
      await pool.close();
      orchestrator.close();
      logger.info("worker.stopped", { worker });
    },
  };
}
