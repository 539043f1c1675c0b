import type { ContractAddresses } from "@cos/chain";
import { openBlockReader } from "@cos/chain";
import { type MessageLog, startOutboxRelay } from "@cos/messaging";
import { opsService } from "@cos/ops";
import { descriptorSet } from "@cos/proto";
import { AccessServiceService } from "@cos/proto/access";
import { MirrorOpsServiceService } from "@cos/proto/ops";
import {
  grpcService,
  hostService,
  type Logger,
  type Need,
  requireServiceToken,
  type Wire,
} from "@cos/service-host";
import type { Db } from "@cos/store";
import { Telemetry, tracedLog, watchOutbox } from "@cos/telemetry";
import { chainEvents } from "@cos/topics";
import type { JsonRpcApiProvider } from "ethers";
import { contractLogReader } from "./adapters/chain/contract-log-reader.ts";
import { rpcWitness } from "./adapters/chain/rpc-witness.ts";
import { accessHandlers } from "./adapters/grpc/access-handlers.ts";
import { mirrorOpsHandlers } from "./adapters/grpc/mirror-ops-handlers.ts";
import { accessMigrations } from "./adapters/store/migrations.ts";
import { sqlMirrorStore } from "./adapters/store/sql-mirror-store.ts";
import { sqlReadModels } from "./adapters/store/sql-read-models.ts";
import { countDecisions, countStep, tracePermits, watchMirror } from "./adapters/telemetry.ts";
import { answerCheckAccess } from "./app/check-access.ts";
import { createMirror, type MirrorStep } from "./app/mirror.ts";
import { mirrorFacts } from "./app/mirror-facts.ts";
import { runMirrorLoop } from "./app/mirror-loop.ts";
import { createMirrorMonitor, type MirrorMonitor, type MirrorProgress } from "./app/mirror-monitor.ts";
import type { MirrorStore } from "./app/mirror-store.ts";
import { resumeMirror, rewindMirror } from "./app/operate-mirror.ts";
import { createWitnessCheck, watchWitness } from "./app/watch-witness.ts";
import type { AccessConfig } from "./config.ts";

/** What the service logs, and nothing else. */
export type AccessLogEvent =
  | "access.started"
  | "access.stopped"
  | "mirror.advanced"
  | "mirror.rolled-back"
  | "mirror.halted"
  | "mirror.failed"
  | "mirror.disputed"
  | "mirror.agreed"
  | "outbox.failed"
  | "rpc.bug";

/** Finished platform objects that the service is built from. */
export type AccessParts = {
  /** The schema `access` of a store. */
  readonly db: Db;
  readonly log: MessageLog;
  readonly chain: {
    readonly provider: Pick<JsonRpcApiProvider, "send">;
    /** A node of another provider: while the two disagree, nothing is permitted. */
    readonly witness?: Pick<JsonRpcApiProvider, "send"> | undefined;
    readonly addresses: ContractAddresses;
  };
  readonly logger: Logger<AccessLogEvent>;
  /** Unix seconds. */
  readonly now: () => number;
  readonly serviceToken: string;
  readonly telemetry?: Telemetry;
  /** How gRPC runs; in the clear on the loopback when left out. */
  readonly wire?: Wire | undefined;
};

export type AccessServiceHandle = {
  /** Migrates, starts mirroring and answers gRPC. */
  start(): Promise<void>;
  /** Ends the step under way and closes; what was committed is on its way. */
  stop(): Promise<void>;
  /** `host:port`, once started. */
  readonly grpcAddress: string;
  /** Root of `/metrics`, `/healthz` and `/readyz`, once started. */
  readonly metricsUrl: string;
  /** How far the mirror is, for metrics. */
  progress(): MirrorProgress;
};

/** The access service's graph. Nothing runs before `start`. */
export function composeAccess(config: AccessConfig, parts: AccessParts): AccessServiceHandle {
  const { db, chain, logger, now, telemetry = new Telemetry({ service: "access" }) } = parts;
  const log = tracedLog(telemetry, parts.log);
  const store = sqlMirrorStore(db, tracePermits(telemetry));
  const models = sqlReadModels(db);
  const check = { check: config.receiptsCheck };
  const reader = contractLogReader(openBlockReader(chain.provider, check), chain.addresses);
  const { maxHeadAgeSeconds, depth, maxLagSeconds } = config;
  const monitor = createMirrorMonitor({ maxHeadAgeSeconds, hasWitness: chain.witness !== undefined });
  const witnessCheck = chain.witness && openWitness(config, chain.witness, parts, { store, monitor });
  const checkAccess = countDecisions(
    telemetry,
    answerCheckAccess({ models, monitor, now, depth, maxLagSeconds }),
  );
  watchOutbox(telemetry, db);
  watchMirror(telemetry, { monitor, store, now });
  const onBug = (rpc: string, error: unknown) => logger.error("rpc.bug", { rpc, errorName: nameOf(error) });
  const services = [
    grpcService(AccessServiceService, accessHandlers({ checkAccess, models, mirror: store, monitor }), {
      onBug,
    }),
    grpcService(
      MirrorOpsServiceService,
      mirrorOpsHandlers({ resume: resumeMirror(reader, store), rewind: rewindMirror(reader, store) }),
      { guard: requireServiceToken(parts.serviceToken), onBug },
    ),
    opsService({
      service: "access",
      db,
      serviceToken: parts.serviceToken,
      facts: () => mirrorFacts(store, monitor),
      onBug,
    }),
  ];
  let stopRunning = async (): Promise<void> => {};
  let grpcAddress = "";
  let metricsUrl = "";

  return {
    get grpcAddress() {
      return grpcAddress;
    },
    get metricsUrl() {
      return metricsUrl;
    },
    progress: () => monitor.read(),
    start: async () => {
      await db.migrate(accessMigrations);
      await log.declare(chainEvents);
      const relay = startOutboxRelay({
        db,
        publisher: log,
        onFailure: (error) => logger.warn("outbox.failed", { errorName: nameOf(error) }),
      });
      const hosted = await hostService({
        host: config.host,
        grpc: {
          port: config.grpcPort,
          healthPort: config.healthPort,
          services,
          descriptorSet: descriptorSet(),
          wire: parts.wire,
        },
        observe: { telemetry, metricsPort: config.metricsPort },
        needs: needsOf(parts),
      });
      const stopping = new AbortController();
      const showHealth = () => {
        const { state, tip, dispute } = monitor.read();
        hosted.setServing(tip >= 0 && state !== "halted" && dispute === undefined);
      };
      const mirroring = runMirrorLoop(
        {
          step: createMirror(reader, store, config),
          monitor,
          now,
          pollMs: config.pollMs,
          onStep: (step, tipBefore) => {
            countStep(telemetry, step, tipBefore);
            showHealth();
            logStep(logger, step);
          },
          onFailure: (error, attempt) => {
            telemetry.metrics.count("mirrorFailures", { code: codeOf(error) });
            logger.warn("mirror.failed", { attempt, code: codeOf(error) });
          },
        },
        stopping.signal,
      );
      const watching =
        witnessCheck &&
        watchWitness(
          {
            check: witnessCheck,
            pollMs: config.witnessPollMs,
            onVerdict: (dispute) => {
              logVerdict(logger, monitor.read().dispute, dispute);
              monitor.noteDispute(dispute);
              showHealth();
            },
          },
          stopping.signal,
        );
      stopRunning = async () => {
        stopping.abort();
        await Promise.all([mirroring, watching]);
        await hosted.close();
        await relay.close();
        logger.info("access.stopped");
      };
      grpcAddress = hosted.grpcAddress;
      metricsUrl = hosted.metricsUrl ?? "";
      logger.info("access.started", { address: grpcAddress });
    },
    stop: () => stopRunning(),
  };
}

function needsOf({ db, log, chain: { provider, witness } }: AccessParts): readonly Need[] {
  const answering = (node: Pick<JsonRpcApiProvider, "send">) => () => node.send("eth_chainId", []);
  return [
    { name: "part/database", probe: () => db.query("SELECT 1") },
    { name: "part/broker", probe: () => log.ping() },
    { name: "part/chain", probe: answering(provider) },
    ...(witness === undefined ? [] : [{ name: "part/second-chain", probe: answering(witness) } as const]),
  ];
}

function openWitness(
  { receiptsCheck, witnessDepth, witnessMaxGapBlocks, maxLagSeconds }: AccessConfig,
  provider: Pick<JsonRpcApiProvider, "send">,
  { chain, now }: Pick<AccessParts, "chain" | "now">,
  { store, monitor }: { store: MirrorStore; monitor: MirrorMonitor },
): () => Promise<string | undefined> {
  const blocks = openBlockReader(provider, { check: receiptsCheck });
  return createWitnessCheck(rpcWitness(provider, blocks, chain.addresses), store, monitor, {
    depth: witnessDepth,
    maxGapBlocks: witnessMaxGapBlocks,
    maxSilenceSeconds: maxLagSeconds,
    now,
  });
}

function logVerdict(
  logger: Logger<AccessLogEvent>,
  before: string | undefined,
  dispute: string | undefined,
): void {
  if (before === dispute) return;
  if (dispute === undefined) logger.info("mirror.agreed");
  else logger.error("mirror.disputed", { reason: dispute });
}

function logStep(logger: Logger<AccessLogEvent>, step: MirrorStep): void {
  if (step.did === "advanced" && step.logs > 0) {
    logger.info("mirror.advanced", { blockNumber: step.tip, head: step.head, count: step.logs });
  } else if (step.did === "rolled-back") {
    logger.warn("mirror.rolled-back", { blockNumber: step.to, count: step.retracted });
  } else if (step.did === "halted") {
    logger.error("mirror.halted", { reason: step.reason });
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "unknown");

const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : nameOf(error);
