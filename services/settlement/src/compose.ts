import type { ContractAddresses, TransactionSigner } from "@cos/chain";
import { type ConsumerEvent, type MessageLog, runConsumers, startOutboxRelay } from "@cos/messaging";
import type { ObjectStore } from "@cos/objects";
import { opsService } from "@cos/ops";
import { descriptorSet } from "@cos/proto";
import { SenderOpsServiceService } from "@cos/proto/ops";
import { SettlementServiceService } from "@cos/proto/settlement";
import { asAddress } from "@cos/protocol";
import {
  type GrpcService,
  grpcService,
  hostService,
  type Logger,
  requireServiceToken,
  type Wire,
} from "@cos/service-host";
import type { Db } from "@cos/store";
import { Telemetry, tracedLog, tracedObjects, watchOutbox } from "@cos/telemetry";
import { transactionEvents } from "@cos/topics";
import type { Provider } from "ethers";
import { rpcChainSender } from "./adapters/chain/rpc-chain-sender.ts";
import { rpcGrantStandings } from "./adapters/chain/rpc-grant-standings.ts";
import { senderOpsHandlers } from "./adapters/grpc/sender-ops-handlers.ts";
import { settlementHandlers } from "./adapters/grpc/settlement-handlers.ts";
import { settlementMigrations } from "./adapters/store/migrations.ts";
import { listIntents, openIntentCounts, sqlSettlementQueries } from "./adapters/store/sql-queries.ts";
import {
  settlementStoreIn,
  settlementTransactions,
  sqlSettlementStore,
} from "./adapters/store/sql-settlement-store.ts";
import { countChange, tracedStep, watchTransactions } from "./adapters/telemetry.ts";
import { batchUses } from "./app/batch-uses.ts";
import { decidePermits } from "./app/decide-permits.ts";
import { followChain, newsChannel } from "./app/follow-chain.ts";
import { followJobs } from "./app/follow-jobs.ts";
import { bumpIntent, cancelIntent } from "./app/operate-sender.ts";
import type { ChainSender } from "./app/ports.ts";
import { recordUses } from "./app/record-uses.ts";
import { sendIntents } from "./app/send-intents.ts";
import { type Pass, runSettleLoop } from "./app/settle-loop.ts";
import { statementOf } from "./app/statements.ts";
import type { SettlementConfig } from "./config.ts";

/** What the service logs, and nothing else. */
export type SettlementLogEvent =
  | "settlement.started"
  | "settlement.stopped"
  | "intent.changed"
  | "pass.failed"
  | "consumer.trouble"
  | "outbox.failed"
  | "rpc.bug";

/** Finished platform objects that the service is built from. */
export type SettlementParts = {
  /** The schema `settlement` of a store. */
  readonly db: Db;
  readonly log: MessageLog;
  readonly objects: Pick<ObjectStore, "put" | "head">;
  readonly chain: {
    readonly provider: Provider;
    readonly addresses: ContractAddresses;
  };
  /** Keys that hold the SETTLER and the USAGE role; they may be one. */
  readonly signers: { readonly settler: TransactionSigner; readonly usage: TransactionSigner };
  readonly logger: Logger<SettlementLogEvent>;
  /** Unix seconds. */
  readonly now: () => number;
  /** What operators' calls carry; without it they are not answered. */
  readonly serviceToken?: string;
  readonly telemetry?: Telemetry;
  /** How gRPC runs; in the clear on the loopback when left out. */
  readonly wire?: Wire | undefined;
};

export type SettlementServiceHandle = {
  /** Migrates, starts consuming, deciding and sending, and answers gRPC. */
  start(): Promise<void>;
  /** Ends the pass under way and closes; intents wait in the store. */
  stop(): Promise<void>;
  /** `host:port`, once started. */
  readonly grpcAddress: string;
  /** Root of `/metrics`, `/healthz` and `/readyz`, once started. */
  readonly metricsUrl: string;
};

/** The settlement service's graph. Nothing runs before `start`. */
export function composeSettlement(config: SettlementConfig, parts: SettlementParts): SettlementServiceHandle {
  const { db, logger, telemetry = new Telemetry({ service: "settlement" }) } = parts;
  const log = tracedLog(telemetry, parts.log);
  watchOutbox(telemetry, db);
  watchTransactions(telemetry, db, parts.chain.provider, parts.signers);
  const queries = sqlSettlementQueries(db);
  const passes = settlementPasses(config, { ...parts, telemetry });
  const consumers = [
    followChain(settlementStoreIn),
    followJobs(settlementStoreIn),
    recordUses(settlementStoreIn),
  ];
  const service = grpcService(
    SettlementServiceService,
    settlementHandlers({ statementOf: statementOf(queries), queries }),
    { onBug: (rpc, error) => logger.error("rpc.bug", { rpc, errorName: nameOf(error) }) },
  );
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
    start: async () => {
      await db.migrate(settlementMigrations);
      await log.declare(transactionEvents);
      const onFailure = (error: unknown) => logger.warn("outbox.failed", { errorName: nameOf(error) });
      const relay = startOutboxRelay({ db, publisher: log, onFailure });
      const hosted = await hostService({
        host: config.host,
        grpc: {
          port: config.grpcPort,
          healthPort: config.healthPort,
          services: [service, ...operatorServices(config, parts)],
          descriptorSet: descriptorSet(),
          wire: parts.wire,
        },
        observe: { telemetry, metricsPort: config.metricsPort },
        needs: [
          { name: "part/database", probe: () => db.query("SELECT 1") },
          { name: "part/broker", probe: () => log.ping() },
          { name: "part/objects", probe: () => parts.objects.head("objects/none") },
          { name: "part/chain", probe: () => parts.chain.provider.getBlockNumber() },
        ],
      });
      const onEvent = ({ type, reason, topic }: ConsumerEvent) =>
        logger.warn("consumer.trouble", { state: type, reason, topic });
      const subscription = await runConsumers(consumers, { log, db, onEvent });
      const stopping = new AbortController();
      const settling = runSettleLoop(
        {
          passes,
          pollMs: config.pollMs,
          onNews: (listener) => db.listen(newsChannel, listener),
          onFailure: (pass, error, attempt) =>
            logger.warn("pass.failed", { stage: pass, attempt, errorName: nameOf(error) }),
        },
        stopping.signal,
      );
      stopRunning = async () => {
        hosted.setServing(false);
        stopping.abort();
        await settling;
        await subscription.close();
        await hosted.close();
        await relay.close();
        logger.info("settlement.stopped");
      };
      hosted.setServing(true);
      grpcAddress = hosted.grpcAddress;
      metricsUrl = hosted.metricsUrl ?? "";
      logger.info("settlement.started", { address: grpcAddress });
    },
    stop: () => stopRunning(),
  };
}

/** What the service does again and again: owe uses, owe permits' calls, send for each key. */
export function settlementPasses(
  config: SettlementConfig,
  parts: Omit<SettlementParts, "log">,
): readonly Pass[] {
  const { db, chain, signers, now, logger, telemetry = new Telemetry({ service: "settlement" }) } = parts;
  const objects = tracedObjects(telemetry, parts.objects);
  const store = sqlSettlementStore(db);
  const inTransaction = settlementTransactions(db);
  const standings = rpcGrantStandings(chain.provider, chain.addresses);
  const operator = asAddress(signers.settler.address);
  const usage = asAddress(signers.usage.address);
  const policy = {
    confirmations: config.confirmations,
    resendAfterS: config.resendAfterSeconds,
    bumpAfterS: config.bumpAfterSeconds,
    maxFeePerGasCap: config.maxFeePerGasWei,
  };
  const onIntent = (businessId: string, did: string) => {
    countChange(telemetry, did);
    logger.info("intent.changed", { businessId, state: did });
  };
  const inTrace = tracedStep(telemetry);
  const { retryAfterSeconds, batchMaxUses: maxUses, batchMaxAgeSeconds: maxAgeSeconds } = config;
  return [
    {
      name: "batch-uses",
      run: () => batchUses({ store, inTransaction, objects, signer: usage, now, maxUses, maxAgeSeconds }),
    },
    {
      name: "decide-permits",
      run: () => decidePermits({ store, inTransaction, standings, operator, now, retryAfterSeconds }),
    },
    ...openSenders(config, parts).map((sender) => ({
      name: "send-intents",
      run: () => sendIntents({ store, sender, policy, now, onIntent, inTrace }),
    })),
  ];
}

/** A sender for each key. */
function openSenders(
  { chainId, maxFeePerGasWei }: SettlementConfig,
  { chain, signers: { settler, usage } }: Pick<SettlementParts, "chain" | "signers">,
): readonly ChainSender[] {
  const keys = settler.address === usage.address ? [settler] : [settler, usage];
  return keys.map((wallet) =>
    rpcChainSender(chain.provider, wallet, chainId, chain.addresses, maxFeePerGasWei),
  );
}

/** The operators' side, where there is a token to guard it. */
function operatorServices(config: SettlementConfig, parts: SettlementParts): readonly GrpcService[] {
  const { db, serviceToken, now, logger } = parts;
  if (serviceToken === undefined) return [];
  const store = sqlSettlementStore(db);
  const deps = { store, senders: openSenders(config, parts), maxFeePerGasCap: config.maxFeePerGasWei, now };
  const onBug = (rpc: string, error: unknown) => logger.error("rpc.bug", { rpc, errorName: nameOf(error) });
  return [
    opsService({ service: "settlement", db, serviceToken, facts: () => openIntentCounts(db), onBug }),
    grpcService(
      SenderOpsServiceService,
      senderOpsHandlers({ list: listIntents(db), bump: bumpIntent(deps), cancel: cancelIntent(deps), now }),
      { guard: requireServiceToken(serviceToken), onBug },
    ),
  ];
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "unknown");
