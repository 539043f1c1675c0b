import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Anvil, startAnvil } from "@cos/chain";
import { checkHealth } from "@cos/client";
import { partSettings, ServiceProcess, Unwinder } from "@cos/parts";
import { publicTlsWire, readConfig, type TlsFiles } from "@cos/service-host";
import { freePorts } from "@cos/service-host/free-ports";
import type { OperatorKeys } from "@cos/standalone";
import { computeAddress } from "ethers";
import { ManagedProcess, type ProcessPlan, runToEnd } from "./managed-process.ts";
import { prepareCluster } from "./prepare-cluster.ts";

/** Real parts, as URLs; they may be proxies in front of them. */
export type FleetParts = {
  /** host:port, separated by commas. */
  readonly kafka: string;
  /** postgres://…/database, an empty or earlier database of this platform. */
  readonly postgres: string;
  /** http://access:secret@host:port/bucket */
  readonly s3: string;
  readonly redis?: string;
};

export type FleetOptions = {
  readonly folder: string;
  readonly parts: FleetParts;
  /** The same parts as one process sees them, where it should reach them by another way, for instance a proxy. */
  readonly partsOf?: (process: string) => Partial<FleetParts> & { readonly rpcUrl?: string };
  /** How other processes reach a service's gRPC, where it is not directly: given `host:port`, answers another. */
  readonly via?: (service: "access" | "orchestrator" | "gateway", address: string) => Promise<string>;
  /** Region of gateway and operator. */
  readonly region?: string;
  /** One worker for each; a worker takes tasks of its region and of none. */
  readonly workerRegions: readonly string[];
  readonly threadsPerWorker?: number;
  /** Seconds between blocks; left out: a block for each transaction. */
  readonly blockTimeSeconds?: number;
  /** A chain that already runs; left out: an anvil of the fleet's own. */
  readonly chain?: { readonly rpcUrl: string; readonly chainId: number };
  /** gRPC under mutual TLS: PEM files of each process, whose certificate names `spiffe://cos/<service>`; in the clear when left out. */
  readonly tls?: (process: string) => Promise<Required<TlsFiles>>;
  /** TLS on the gateway's HTTP port: its certificate for 127.0.0.1, and who issued it; in the clear when left out. */
  readonly httpTls?: TlsFiles;
  /** Environment over the defaults, by process name, and `all` for every process. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, string>>>>;
};

export type Fleet = {
  /** By name: access, gateway, orchestrator, settlement, worker-1, worker-2, ... */
  readonly processes: ReadonlyMap<string, ManagedProcess>;
  readonly platformFile: string;
  readonly folder: string;
  readonly keys: OperatorKeys;
  readonly chain: { readonly rpcUrl: string; readonly chainId: number };
  /** Stops every process in order, and the chain if it is the fleet's own. */
  stop(): Promise<void>;
};

const serviceEntry = (name: string): string =>
  fileURLToPath(new URL(`../../../services/${name}/src/main.ts`, import.meta.url));

/** The five services, each a process of its own, on real parts. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { folder, workerRegions, region = workerRegions[0] ?? "" } = options;
  const ends = new Unwinder();
  try {
    await mkdir(join(folder, "logs"), { recursive: true, mode: 0o700 });
    const chain = options.chain ?? (await ownChain(options, ends));
    const { keys, chain: prepared } = await withParts(
      await partEnvironment(options, chain, "prepare"),
      (host) => prepareCluster({ folder, region, workerRegions }, host),
    );
    const ports = await freePorts(5 + workerRegions.length);
    const at = (index: number) => `127.0.0.1:${ports[index]}`;
    const via = options.via ?? ((_: string, address: string) => Promise.resolve(address));
    const ways = {
      access: await via("access", at(0)),
      orchestrator: await via("orchestrator", at(1)),
      gateway: await via("gateway", at(2)),
    };
    const processes = new Map<string, ManagedProcess>();
    for (const plan of await processPlans({ options, chain, keys, ports, ways })) {
      processes.set(plan.name, new ManagedProcess(plan));
    }
    ends.add(async () => {
      await Promise.all([...processes.values()].map((each) => each.stop()));
    });
    await Promise.all(
      ["access", "orchestrator", "gateway", "settlement"].map((name) => migrate(processes, name)),
    );
    // Access first: it makes the topic that the others follow.
    await processes.get("access")?.start();
    await Promise.all([...processes.values()].map((each) => each.start()));
    const platformFile = join(folder, "platform.json");
    const authority = await authorityOf(options);
    await writeFile(
      platformFile,
      `${JSON.stringify(
        {
          format: "cos-platform/1",
          name: "fleet",
          chain: {
            chainId: chain.chainId,
            rpcUrl: chain.rpcUrl,
            contracts: prepared.addresses,
            feeTokens: [{ address: prepared.addresses.CreditToken, symbol: "COSC", decimals: 18 }],
          },
          services: {
            ...ways,
            settlement: at(3),
            workers: workerRegions.map((_, i) => at(5 + i)),
          },
          operator: computeAddress(keys.settler),
          gatewayAddress: computeAddress(keys.gateway),
          region,
          programs: prepared.programs,
          ...(authority === undefined ? {} : { tls: { ca: authority, ...(await httpAuthorityOf(options)) } }),
        },
        null,
        2,
      )}\n`,
    );
    return { processes, platformFile, folder, keys, chain, stop: () => ends.unwind() };
  } catch (cause) {
    await ends.unwind().catch(() => {});
    throw cause;
  }
}

async function ownChain({ folder, blockTimeSeconds }: FleetOptions, ends: Unwinder): Promise<Anvil> {
  const chain = await startAnvil({
    dataDir: join(folder, "chain"),
    ...(blockTimeSeconds === undefined ? {} : { blockTimeSeconds }),
  });
  ends.add(() => chain.stop());
  return chain;
}

/** Brings a service's schema to its last step, as an operator does before a new version starts. */
async function migrate(processes: ReadonlyMap<string, ManagedProcess>, name: string): Promise<void> {
  const plan = processes.get(name)?.plan;
  if (plan !== undefined) await runToEnd({ ...plan, name: `${name} migrate` }, ["migrate"]);
}

/** Opens parts in this process for as long as `use` runs. */
async function withParts<T>(
  environment: Readonly<Record<string, string>>,
  use: (host: ServiceProcess) => Promise<T>,
): Promise<T> {
  const config = readConfig(partSettings, "COS_", environment);
  if (!config.ok) throw new Error(`bad settings: ${config.error.faults.map(({ key }) => key).join(", ")}`);
  const ends = new Unwinder();
  try {
    return await use(await ServiceProcess.open("prepare", config.value, ends));
  } finally {
    await ends.unwind();
  }
}

/** `COS_*` of one process; secrets go into files. */
async function partEnvironment(
  { folder, parts, partsOf, settings, tls }: FleetOptions,
  chain: { rpcUrl: string; chainId: number },
  name: string,
): Promise<Record<string, string>> {
  const all = { rpcUrl: chain.rpcUrl, ...parts, ...partsOf?.(name) };
  const secretFile = async (kind: string, text: string) => {
    const file = join(folder, `${kind}-${name}.url`);
    await writeFile(file, `${text}\n`, { mode: 0o600 });
    return file;
  };
  return {
    COS_BROKERS: all.kafka,
    COS_DATABASE_URL_FILE: await secretFile("database", all.postgres),
    COS_OBJECT_STORE_URL_FILE: await secretFile("object-store", all.s3),
    ...(all.redis === undefined ? {} : { COS_CACHE_URL_FILE: await secretFile("cache", all.redis) }),
    COS_RPC_URL: all.rpcUrl,
    COS_CHAIN_ID: String(chain.chainId),
    COS_DEPLOYMENT_FILE: join(folder, "deployment.json"),
    COS_SERVICE_TOKEN_FILE: join(folder, "service-token"),
    COS_LOG_FILE: join(folder, "logs", `${name}.log`),
    ...(tls === undefined || name === "prepare" ? {} : tlsEnvironment(await tls(name))),
    ...settings?.all,
    ...settings?.[name],
  };
}

const tlsEnvironment = ({ certFile = "", keyFile = "", caFile }: TlsFiles): Record<string, string> => ({
  COS_TLS_CERT_FILE: certFile,
  COS_TLS_KEY_FILE: keyFile,
  COS_TLS_CA_FILE: caFile,
});

function httpTlsEnvironment(tls: FleetOptions["httpTls"]): Record<string, string> {
  const { certFile = "", keyFile = "" } = tls ?? {};
  return tls ? { COS_GATEWAY_HTTP_CERT_FILE: certFile, COS_GATEWAY_HTTP_KEY_FILE: keyFile } : {};
}

/** The authority that people's clients are told to believe; undefined in the clear. */
async function authorityOf({ tls }: FleetOptions): Promise<string | undefined> {
  return tls && readFile((await tls("gateway")).caFile, "utf8");
}

async function httpAuthorityOf({ httpTls }: FleetOptions): Promise<{ httpCa?: string }> {
  return httpTls === undefined ? {} : { httpCa: await readFile(httpTls.caFile, "utf8") };
}

/** What each process runs with. Ports: access, orchestrator, gateway, settlement, gateway's HTTP, then workers. */
async function processPlans(of: {
  readonly options: FleetOptions;
  readonly chain: { rpcUrl: string; chainId: number };
  readonly keys: OperatorKeys;
  readonly ports: readonly number[];
  readonly ways: { access: string; orchestrator: string };
}): Promise<ProcessPlan[]> {
  const { options, chain, keys, ports, ways } = of;
  const { folder, workerRegions, threadsPerWorker = 1 } = options;
  const authority = await authorityOf(options);
  const wire = authority === undefined ? undefined : publicTlsWire(authority);
  const [access, orchestrator, gateway, settlement, gatewayHttp, ...workers] = ports.map(String);
  const chainId = String(chain.chainId);
  const plan = async (name: string, service: string, port: string, own: Record<string, string>) => ({
    name,
    entry: serviceEntry(service),
    environment: { ...own, ...(await partEnvironment(options, chain, name)) },
    outputFile: join(folder, "logs", `${name}.out`),
    isReady: async () => (await checkHealth(`127.0.0.1:${port}`, 1_000, wire)) === "SERVING",
  });
  return Promise.all([
    plan("access", "access", access ?? "", { COS_ACCESS_GRPC_PORT: access ?? "" }),
    plan("orchestrator", "orchestrator", orchestrator ?? "", {
      COS_ORCHESTRATOR_GRPC_PORT: orchestrator ?? "",
      COS_ORCHESTRATOR_ACCESS_ADDRESS: ways.access,
      COS_ORCHESTRATOR_CHAIN_ID: chainId,
      COS_ORCHESTRATOR_OPERATOR: computeAddress(keys.settler),
    }),
    plan("gateway", "gateway", gateway ?? "", {
      COS_GATEWAY_GRPC_PORT: gateway ?? "",
      COS_GATEWAY_HTTP_PORT: gatewayHttp ?? "",
      COS_GATEWAY_CHAIN_ID: chainId,
      COS_GATEWAY_GATEWAY_ADDRESS: computeAddress(keys.gateway),
      COS_GATEWAY_ACCESS_ADDRESS: ways.access,
      COS_GATEWAY_ORCHESTRATOR_ADDRESS: ways.orchestrator,
      COS_GATEWAY_SIGNING_KEY_FILE: join(folder, "gateway-signing-key.json"),
      ...httpTlsEnvironment(options.httpTls),
    }),
    plan("settlement", "settlement", settlement ?? "", {
      COS_SETTLEMENT_GRPC_PORT: settlement ?? "",
      COS_SETTLEMENT_CHAIN_ID: chainId,
      COS_SETTLEMENT_SETTLER_KEY_FILE: join(folder, "settler.key"),
      COS_SETTLEMENT_USAGE_KEY_FILE: join(folder, "usage.key"),
    }),
    ...workerRegions.map((region, i) =>
      plan(`worker-${i + 1}`, "fhe-worker", workers[i] ?? "", {
        COS_WORKER_GRPC_PORT: workers[i] ?? "",
        COS_WORKER_REGIONS: region === "" ? "any" : `any,${region}`,
        COS_WORKER_THREADS: String(threadsPerWorker),
        COS_WORKER_ORCHESTRATOR_ADDRESS: ways.orchestrator,
        COS_WORKER_CHAIN_ID: chainId,
        COS_WORKER_WORKER_KEY_FILE: join(folder, `worker-${i + 1}.key`),
      }),
    ),
  ]);
}
