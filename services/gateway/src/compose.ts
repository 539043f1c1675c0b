import { randomBytes } from "node:crypto";
import { type Cache, localCache } from "@cos/cache";
import { type MessageLog, runConsumers, startOutboxRelay } from "@cos/messaging";
import type { ObjectStore } from "@cos/objects";
import { opsService } from "@cos/ops";
import { descriptorSet } from "@cos/proto";
import { hostService, type Logger, serviceNeed, serviceTokenKey, type Wire } from "@cos/service-host";
import type { Db } from "@cos/store";
import { Telemetry, tracedLog, tracedObjects, watchOutbox } from "@cos/telemetry";
import { CertificateWatch } from "@cos/tls";
import { ticketEvents } from "@cos/topics";
import type { Provider } from "ethers";
import { cacheRateLimiter } from "./adapters/cache-rate-limiter.ts";
import { ethersSignatures } from "./adapters/ethers-signatures.ts";
import { accessClient } from "./adapters/grpc/access-client.ts";
import { computeClient } from "./adapters/grpc/compute-client.ts";
import { jobService } from "./adapters/grpc/job-service.ts";
import { keyOpsService } from "./adapters/grpc/key-ops-service.ts";
import { sessionService } from "./adapters/grpc/session-service.ts";
import { ticketService } from "./adapters/grpc/ticket-service.ts";
import { healthRoute } from "./adapters/http/health-route.ts";
import { jwksRoute } from "./adapters/http/jwks-route.ts";
import { objectRoutes } from "./adapters/http/object-routes.ts";
import { joseTokens } from "./adapters/jose-tokens.ts";
import { KeyRing } from "./adapters/key-ring.ts";
import { oidcTokens, readOidcProviders } from "./adapters/oidc-tokens.ts";
import { openOidcWires } from "./adapters/oidc-wires.ts";
import { siweMessages } from "./adapters/siwe-messages.ts";
import { gatewayMigrations } from "./adapters/store/migrations.ts";
import { sqlRepositories } from "./adapters/store/sql-repositories.ts";
import { countedBytes, countedIssue, countedLimiter, countedRedeem } from "./adapters/telemetry.ts";
import { Authority } from "./app/authorise.ts";
import { CoveredObjects } from "./app/covered-objects.ts";
import { DeleteSuperseded } from "./app/delete-superseded.ts";
import type { Dependencies, GatewayEvent } from "./app/dependencies.ts";
import { deletionsChannel, mirrorAuthority, requestDeletions } from "./app/follow-chain.ts";
import { IssueTicket } from "./app/issue-ticket.ts";
import { Jobs } from "./app/jobs.ts";
import { ObjectTransfers } from "./app/object-transfers.ts";
import { OidcSessions } from "./app/oidc-sessions.ts";
import { RedeemTicket } from "./app/redeem-ticket.ts";
import { Sessions } from "./app/sessions.ts";
import type { GatewayConfig } from "./config.ts";
import { ticketLifetimeSeconds } from "./domain/ticket.ts";

/** Finished platform objects that the gateway is built from. */
export type GatewayParts = {
  /** The schema `gateway` of a store. */
  readonly db: Db;
  readonly log: MessageLog;
  readonly objects: ObjectStore;
  /** What gateways share, rate limits; the process's own when left out. */
  readonly cache?: Cache | undefined;
  /** Asked for contract wallets' signatures (EIP-1271) only. */
  readonly chain: { readonly provider: Provider };
  readonly logger: Logger<GatewayEvent>;
  /** Unix seconds. */
  readonly now: () => number;
  readonly serviceToken: string;
  readonly telemetry?: Telemetry;
  /** How gRPC runs; in the clear on the loopback when left out. */
  readonly wire?: Wire | undefined;
};

export type GatewayHandle = {
  /** Migrates, follows the chain, finishes deletions that a crash interrupted, and answers gRPC and HTTP. */
  start(): Promise<void>;
  /** Takes no more calls, ends what runs; what was committed is on its way. */
  stop(): Promise<void>;
  /** `host:port`, once started. */
  readonly grpcAddress: string;
  /** Root of the HTTP routes as bound, once started. */
  readonly httpUrl: string;
  /** Root of `/metrics`, `/healthz` and `/readyz`, once started. */
  readonly metricsUrl: string;
  /** Audience of tickets and domain of sign-ins. */
  readonly publicUrl: string;
};

const housekeepingMs = 60_000;
/** What clocks of replicas may differ by. */
const clockSkewSeconds = 60;
const sweepingMs = 3_600_000;
/** An upload takes less than a day; what is older belongs to a process that died. */
const longestUploadSeconds = 86_400;
const keepEndedTransfersSeconds = 86_400;

/** The gateway's graph. Nothing runs before `start`. */
export function composeGateway(config: GatewayConfig, parts: GatewayParts): GatewayHandle {
  const { db, chain, logger, now, serviceToken, telemetry = new Telemetry({ service: "gateway" }) } = parts;
  const cache = parts.cache ?? localCache({ now });
  const log = tracedLog(telemetry, parts.log);
  const objects = tracedObjects(telemetry, parts.objects);
  watchOutbox(telemetry, db);
  const { httpCertFile: certFile, httpKeyFile: keyFile } = config;
  const secure = certFile !== undefined || keyFile !== undefined;
  const publicUrl = config.publicUrl ?? `${secure ? "https" : "http"}://${config.host}:${config.httpPort}`;
  if (secure && !publicUrl.startsWith("https:"))
    throw new Error("COS_GATEWAY_PUBLIC_URL is http, and the HTTP port speaks TLS");
  let grpcAddress = "";
  let httpUrl = "";
  let metricsUrl = "";
  let serving = false;
  let stopRunning = async (): Promise<void> => {};

  const start = async (): Promise<void> => {
    await db.migrate(gatewayMigrations);
    const keys = await KeyRing.open(config.signingKeyFile, {
      now,
      tokenSeconds: Math.max(config.sessionSeconds, ticketLifetimeSeconds) + clockSkewSeconds,
      leadSeconds: config.keyLeadSeconds,
      alone: (change) =>
        db.inTransaction(async (tx) => {
          await tx.query("SELECT pg_advisory_xact_lock(hashtext($1))", ["gateway signing keys"]);
          return change();
        }),
    });
    await log.declare(ticketEvents);

    const metadata = { [serviceTokenKey]: serviceToken };
    const access = accessClient(config.accessAddress, metadata, parts.wire);
    const compute = computeClient(config.orchestratorAddress, metadata, parts.wire);
    const { chainId } = config;
    const providers = await readOidcProviders(config.oidcProvidersFile);
    const oidcWires = await openOidcWires(providers);
    const deps: Dependencies = {
      db,
      objects,
      access,
      logger,
      now,
      repositories: sqlRepositories,
      oidc: oidcTokens(providers, {
        cooldownMs: config.oidcKeyCooldownSeconds * 1000,
        fetches: oidcWires.fetches,
      }),
      tokens: joseTokens(keys, publicUrl),
      signInMessages: siweMessages({ publicUrl, chainId }),
      signatures: ethersSignatures(chain.provider),
      limiter: countedLimiter(telemetry, cacheRateLimiter(bucketRules(config), cache)),
      random: { bytes: (count) => randomBytes(count) },
      settings: { ...config, publicUrl, chainId },
    };
    const authority = new Authority(deps);
    const sessions = new Sessions(deps);
    const issue = countedIssue(telemetry, new IssueTicket(deps, authority));
    const redeem = countedRedeem(telemetry, new RedeemTicket(deps, authority));
    const jobs = new Jobs(access, compute);
    const transfers = new ObjectTransfers(deps, new CoveredObjects(objects));
    const deletions = new DeleteSuperseded(deps);

    const bug = (event: "rpc.bug" | "http.bug") => (route: string, error: unknown) =>
      logger.error(event, { route, errorName: nameOf(error) });
    const options = { onBug: bug("rpc.bug") };
    const tls = secure ? await CertificateWatch.open({ certFile, keyFile }) : undefined;
    const hosted = await hostService({
      host: config.host,
      grpc: {
        port: config.grpcPort,
        healthPort: config.healthPort,
        services: [
          sessionService(sessions, new OidcSessions(deps), options),
          ticketService({ sessions, issue, redeem, deps }, options),
          jobService(sessions, jobs, options),
          opsService({ service: "gateway", db, serviceToken, ...options }),
          keyOpsService(keys, { serviceToken, ...options }),
        ],
        descriptorSet: descriptorSet(),
        wire: parts.wire,
      },
      http: {
        port: config.httpPort,
        tls,
        routes: [
          ...countedBytes(telemetry, objectRoutes(transfers, logger)),
          jwksRoute(() => keys.published()),
          healthRoute(() => serving),
        ],
      },
      observe: { telemetry, metricsPort: config.metricsPort, trustCallers: false },
      needs: [
        { name: "part/database", probe: () => db.query("SELECT 1") },
        { name: "part/broker", probe: () => log.ping() },
        { name: "part/objects", probe: () => parts.objects.head("objects/none") },
        { name: "part/cache", probe: () => cache.ping() },
        { name: "part/chain", probe: () => chain.provider.getBlockNumber() },
        serviceNeed("access", config.accessAddress, parts.wire),
        serviceNeed("orchestrator", config.orchestratorAddress, parts.wire),
      ],
      onBug: bug("http.bug"),
    });

    const relay = startOutboxRelay({
      db,
      publisher: log,
      onFailure: (error) => logger.warn("outbox.failed", { errorName: nameOf(error) }),
    });
    const runDeletions = (which: "pending" | "all") =>
      deletions
        .run(which)
        .catch((error: unknown) => logger.error("deletion.failed", { errorName: nameOf(error) }));
    const unlisten = db.listen(deletionsChannel, () => void runDeletions("pending"));
    const consumers = await runConsumers([mirrorAuthority(deps), requestDeletions(deps)], {
      log,
      db,
      onEvent: ({ type, consumer, topic, reason, messageId = "" }) =>
        logger.warn("consumer.trouble", { state: type, consumer, topic, reason, messageId }),
    });
    const firstCheck = runDeletions("all");
    const retry = setInterval(() => void runDeletions("pending"), config.retrySeconds * 1000);
    const refreshing = setInterval(
      () =>
        void keys
          .refresh()
          .catch((error: unknown) => logger.error("keys.unreadable", { errorName: nameOf(error) })),
      config.keyRefreshSeconds * 1000,
    );
    const housekeeping = setInterval(() => void keepHouse(deps), housekeepingMs);
    const sweeping = setInterval(() => void sweepUploads(deps), sweepingMs);

    ({ grpcAddress } = hosted);
    httpUrl = hosted.httpUrl ?? "";
    metricsUrl = hosted.metricsUrl ?? "";
    serving = true;
    hosted.setServing(true);
    logger.info("gateway.started", { address: grpcAddress, url: publicUrl });

    stopRunning = async () => {
      serving = false;
      clearInterval(retry);
      clearInterval(housekeeping);
      clearInterval(refreshing);
      clearInterval(sweeping);
      await hosted.close();
      tls?.close();
      await oidcWires.close();
      await consumers.close();
      unlisten();
      await firstCheck;
      await runDeletions("pending");
      await relay.close();
      access.close();
      compute.close();
      logger.info("gateway.stopped");
    };
  };

  return {
    start,
    stop: () => stopRunning(),
    publicUrl,
    get grpcAddress() {
      return grpcAddress;
    },
    get httpUrl() {
      return httpUrl;
    },
    get metricsUrl() {
      return metricsUrl;
    },
  };
}

const bucketRules = (config: GatewayConfig) => ({
  signIn: { capacity: config.signInBurst, perSecond: config.signInPerSecond },
  call: { capacity: config.callBurst, perSecond: config.callPerSecond },
  ticket: { capacity: config.ticketBurst, perSecond: config.ticketPerSecond },
  object: { capacity: config.objectBurst, perSecond: config.objectPerSecond },
});

async function keepHouse({ db, repositories, now, logger }: Dependencies): Promise<void> {
  try {
    await repositories.nonces.deleteExpired(db, now());
    await repositories.transfers.deleteEnded(db, now() - keepEndedTransfersSeconds);
  } catch (error) {
    logger.warn("housekeeping.failed", { errorName: nameOf(error) });
  }
}

async function sweepUploads({ objects, now, logger }: Dependencies): Promise<void> {
  try {
    await objects.sweepUploads(now() - longestUploadSeconds);
  } catch (error) {
    logger.warn("housekeeping.failed", { errorName: nameOf(error) });
  }
}

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "unknown");
