import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { accessSettings, composeAccess } from "@cos/access";
import { startAnvil } from "@cos/chain";
import { composeFheWorker, type FheWorker, readWorkerConfig } from "@cos/fhe-worker";
import { composeGateway, gatewaySettings } from "@cos/gateway";
import { openEmbeddedLog } from "@cos/messaging";
import { openEmbeddedObjects } from "@cos/objects";
import { composeOrchestrator, orchestratorSettings } from "@cos/orchestrator";
import { WorkerServiceService } from "@cos/proto/worker";
import {
  createGrpcClient,
  createLogger,
  openLogSink,
  readConfig,
  type Settings,
  serviceTokenKey,
} from "@cos/service-host";
import { composeSettlement, settlementSettings } from "@cos/settlement";
import { openEmbeddedStore } from "@cos/store";
import { computeAddress, JsonRpcProvider, Wallet } from "ethers";
import { operatorKeys } from "./operator-keys.ts";
import { type PreparedChain, prepareChain } from "./prepare-chain.ts";
import { type Ports, stickyPorts } from "./sticky-ports.ts";

export type PlatformOptions = {
  /** Everything that the platform keeps: chain, database, objects, keys, logs. */
  readonly dataDir: string;
  /** Ports by name; left out or 0: as last time, or free ones. */
  readonly ports?: Partial<Ports>;
  readonly host?: string;
  /** FHE workers, each with its own key. Two, so that every task is evaluated by both. */
  readonly workers?: number;
  /** Evaluator threads of each worker. */
  readonly threadsPerWorker?: number;
  /** Region of gateway, operator and workers. */
  readonly region?: string;
  readonly chainId?: number;
  readonly logLevel?: "debug" | "info" | "warn" | "error";
  /** Unix seconds; tests inject it. */
  readonly now?: () => number;
  /** Hands every event over twice, to test that nothing counts twice. */
  readonly duplicateDeliveries?: boolean;
  /** Settings of single services, over the defaults. */
  readonly settings?: {
    readonly access?: Readonly<Record<string, string>>;
    readonly gateway?: Readonly<Record<string, string>>;
    readonly orchestrator?: Readonly<Record<string, string>>;
    readonly settlement?: Readonly<Record<string, string>>;
  };
};

export type RunningPlatform = {
  /** Endpoints, chain and contracts, without a secret: what clients need. Also in `platformFile`. */
  readonly platform: PlatformDescription;
  readonly platformFile: string;
  readonly logFile: string;
  /** Lets running tasks finish and takes no more, as before a worker is replaced. */
  drainWorkers(): Promise<void>;
  /** Stops everything in order. With `keepChain` the chain's process goes on, as after a crash. */
  stop(options?: { readonly keepChain?: boolean }): Promise<void>;
};

export type PlatformDescription = ReturnType<typeof describe>;

/**
 * Starts all five services in this process on embedded parts: anvil as a child, PGlite in a thread, a durable log, a
 * folder of objects, and workers. A second start on the same folder continues what was running.
 */
export async function startPlatform(options: PlatformOptions): Promise<RunningPlatform> {
  const { dataDir, host = "127.0.0.1", region = "local", workers = 2 } = options;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const stops: (() => Promise<void>)[] = [];
  const unwind = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    const now = options.now ?? (() => Math.floor(Date.now() / 1000));
    const logFile = join(dataDir, "logs", "platform.log");
    const sink = openLogSink(logFile);
    stops.push(async () => sink.flush());
    const level = options.logLevel ?? "info";
    const keys = await operatorKeys(dataDir, workers);

    const store = await openEmbeddedStore({ dataDir: join(dataDir, "store") });
    stops.push(() => store.close());
    const ports = await stickyPorts(dataDir, options.ports ?? {});
    const chain = await startAnvil({
      dataDir: join(dataDir, "chain"),
      port: ports.chain,
      ...(options.chainId === undefined ? {} : { chainId: options.chainId }),
    });
    let keepChain = false;
    stops.push(async () => (keepChain ? chain.release() : chain.stop()));
    const provider = new JsonRpcProvider(chain.rpcUrl, chain.chainId, {
      staticNetwork: true,
      polling: true,
      pollingInterval: 100,
      cacheTimeout: -1,
    });
    stops.push(async () => provider.destroy());
    const objects = await openEmbeddedObjects({
      dataDir: join(dataDir, "objects"),
      host,
      port: ports.objects,
      now,
    });
    stops.push(() => objects.close());
    const prepared = await prepareChain({ dataDir, provider, keys, region, objects: objects.store });
    const log = await openEmbeddedLog({
      store,
      duplicateDeliveries: options.duplicateDeliveries === true,
    });
    stops.push(() => log.close());

    const shared = { log, now, serviceToken: keys.serviceToken };
    const chainId = String(chain.chainId);
    const access = composeAccess(
      configOf(accessSettings, { host, grpcPort: `${ports.access}`, ...options.settings?.access }),
      {
        ...shared,
        db: store.schema("access"),
        chain: { provider, addresses: prepared.addresses },
        logger: createLogger("access", sink, level),
      },
    );
    await access.start();
    stops.push(() => access.stop());

    const orchestrator = composeOrchestrator(
      configOf(orchestratorSettings, {
        host,
        grpcPort: `${ports.orchestrator}`,
        accessAddress: access.grpcAddress,
        chainId,
        ...options.settings?.orchestrator,
      }),
      {
        ...shared,
        db: store.schema("orchestrator"),
        objects: objects.store,
        logger: createLogger("orchestrator", sink, level),
      },
    );
    await orchestrator.start();
    stops.push(() => orchestrator.stop());

    const gateway = composeGateway(
      configOf(gatewaySettings, {
        host,
        grpcPort: `${ports.gateway}`,
        httpPort: `${ports.gatewayHttp}`,
        chainId,
        gatewayAddress: computeAddress(keys.gateway),
        accessAddress: access.grpcAddress,
        orchestratorAddress: orchestrator.grpcAddress,
        signingKeyFile: join(dataDir, "gateway-signing-key.json"),
        ...options.settings?.gateway,
      }),
      {
        ...shared,
        db: store.schema("gateway"),
        objects: objects.store,
        chain: { provider },
        logger: createLogger("gateway", sink, level),
      },
    );
    await gateway.start();
    stops.push(() => gateway.stop());

    const settlement = composeSettlement(
      configOf(settlementSettings, {
        host,
        grpcPort: `${ports.settlement}`,
        chainId,
        accessAddress: access.grpcAddress,
        ...options.settings?.settlement,
      }),
      {
        ...shared,
        db: store.schema("settlement"),
        objects: objects.store,
        chain: { provider, addresses: prepared.addresses },
        signers: { settler: new Wallet(keys.settler), usage: new Wallet(keys.usage) },
        logger: createLogger("settlement", sink, level),
      },
    );
    await settlement.start();
    stops.push(() => settlement.stop());

    const running: FheWorker[] = [];
    for (const key of keys.workers.slice(0, workers)) {
      const worker = composeFheWorker(
        workerConfig({
          COS_WORKER_HOST: host,
          COS_WORKER_REGIONS: region === "" ? "any" : `any,${region}`,
          COS_WORKER_THREADS: String(options.threadsPerWorker ?? 1),
          COS_WORKER_ORCHESTRATOR_ADDRESS: orchestrator.grpcAddress,
          COS_WORKER_CHAIN_ID: chainId,
          COS_WORKER_WORKER_KEY_FILE: "-",
          COS_WORKER_SERVICE_TOKEN_FILE: "-",
        }),
        {
          log,
          key: new Wallet(key),
          logger: createLogger("fhe-worker", sink, level),
          serviceToken: keys.serviceToken,
        },
      );
      await worker.start();
      stops.push(() => worker.stop());
      running.push(worker);
    }

    const platform = describe({
      chain,
      prepared,
      region,
      operator: computeAddress(keys.settler),
      gatewayAddress: computeAddress(keys.gateway),
      services: {
        gateway: gateway.grpcAddress,
        access: access.grpcAddress,
        settlement: settlement.grpcAddress,
        orchestrator: orchestrator.grpcAddress,
        workers: running.map((worker) => worker.grpcAddress),
      },
    });
    const platformFile = join(dataDir, "platform.json");
    await writeFile(`${platformFile}.part`, `${JSON.stringify(platform, null, 2)}\n`);
    await rename(`${platformFile}.part`, platformFile);
    return {
      platform,
      platformFile,
      logFile,
      drainWorkers: async () => {
        for (const worker of running) await drainWorker(worker.grpcAddress, keys.serviceToken);
      },
      stop: async (how) => {
        keepChain = how?.keepChain === true;
        await unwind();
      },
    };
  } catch (cause) {
    await unwind().catch(() => {});
    throw cause;
  }
}

function describe(facts: {
  chain: { rpcUrl: string; chainId: number };
  prepared: PreparedChain;
  region: string;
  operator: string;
  gatewayAddress: string;
  services: {
    gateway: string;
    access: string;
    settlement: string;
    orchestrator: string;
    workers: readonly string[];
  };
}) {
  const { chain, prepared, region, operator, gatewayAddress, services } = facts;
  return {
    format: "cos-platform/1",
    name: "local",
    chain: {
      chainId: chain.chainId,
      rpcUrl: chain.rpcUrl,
      contracts: prepared.addresses,
      feeTokens: [{ address: prepared.addresses.CreditToken, symbol: "COSC", decimals: 18 }],
    },
    services,
    operator,
    gatewayAddress,
    region,
    programs: prepared.programs,
  } as const;
}

/** Reads a service's settings from plain values, as its own process would from the environment. */
function configOf<T extends Settings>(settings: T, values: Readonly<Record<string, string>>) {
  const environment = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase(),
      value,
    ]),
  );
  const config = readConfig(settings, "", environment);
  if (config.ok) return config.value;
  throw new Error(
    `bad settings: ${config.error.faults.map(({ key, rule }) => `${key} (${rule})`).join(", ")}`,
  );
}

async function drainWorker(address: string, serviceToken: string): Promise<void> {
  const worker = createGrpcClient(WorkerServiceService, address, { [serviceTokenKey]: serviceToken });
  try {
    await worker.drain({});
  } finally {
    worker.close();
  }
}

function workerConfig(environment: Readonly<Record<string, string>>) {
  const config = readWorkerConfig(environment);
  if (config.ok) return config.value;
  throw new Error(`bad worker settings: ${config.error.faults.map(({ key }) => key).join(", ")}`);
}
