import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Unwinder } from "@cos/parts";
import type { SpanSinkOptions } from "@cos/telemetry";
import { computeAddress } from "ethers";
import { openParts, type Parts } from "./open-parts.ts";
import { ServiceTelemetry } from "./service-telemetry.ts";
import { type ServiceAddresses, type ServiceOverrides, startServices } from "./start-services.ts";
import { drainWorker, startWorkers } from "./start-workers.ts";
import type { Ports } from "./sticky-ports.ts";

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
  /**
   * What computes on ciphertexts, worker by worker: native, wasm or (as when left out) auto, the first of these that is
   * there. Workers of different engines have to agree on every byte.
   */
  readonly engines?: readonly string[];
  /** Region of gateway, operator and workers; empty for none. */
  readonly region?: string;
  readonly chainId?: number;
  readonly logLevel?: "debug" | "info" | "warn" | "error";
  /** Unix seconds; tests inject it. */
  readonly now?: () => number;
  /** Hands every event over twice, to test that nothing counts twice. */
  readonly duplicateDeliveries?: boolean;
  readonly settings?: ServiceOverrides;
  /** Where spans go: a collector, a folder for `platform.spans.jsonl`; nowhere when left out. */
  readonly telemetry?: SpanSinkOptions;
};

export type RunningPlatform = {
  /** Endpoints, chain and contracts, without a secret: what clients need. Also in `platformFile`. */
  readonly platform: PlatformDescription;
  readonly platformFile: string;
  readonly logFile: string;
  /** Roots of `/metrics` by service; also in `metrics.json` of the data folder. */
  readonly metricsUrls: ReadonlyMap<string, string>;
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
  const { dataDir, host = "127.0.0.1", region = "local", workers = 2, logLevel: level = "info" } = options;
  const now = options.now ?? (() => Math.floor(Date.now() / 1000));
  let keepChain = false;
  const ends = new Unwinder();
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    const parts = await openParts(
      {
        dataDir,
        host,
        region,
        workers,
        now,
        ports: options.ports ?? {},
        chainId: options.chainId,
        duplicateDeliveries: options.duplicateDeliveries === true,
        keepChain: () => keepChain,
      },
      ends,
    );
    const overrides = options.settings ?? {};
    const telemetry = new ServiceTelemetry(options.telemetry ?? {}, ends);
    const services = await startServices(parts, { dataDir, host, level, now, overrides, telemetry }, ends);
    const addresses = await startWorkers(
      parts,
      {
        host,
        region,
        level,
        count: workers,
        threads: options.threadsPerWorker ?? 1,
        engines: options.engines ?? ["auto"],
        orchestratorAddress: services.orchestrator,
        telemetry,
      },
      ends,
    );
    const platform = describe(parts, region, services, addresses);
    const platformFile = join(dataDir, "platform.json");
    await writeFile(`${platformFile}.part`, `${JSON.stringify(platform, null, 2)}\n`);
    await rename(`${platformFile}.part`, platformFile);
    await telemetry.writeUrls(dataDir);
    return {
      platform,
      platformFile,
      logFile: parts.logFile,
      metricsUrls: telemetry.urls,
      drainWorkers: async () => {
        await Promise.all(addresses.map((address) => drainWorker(address, parts.keys.serviceToken)));
      },
      stop: async (how) => {
        keepChain = how?.keepChain === true;
        await ends.unwind();
      },
    };
  } catch (cause) {
    await ends.unwind().catch(() => {});
    throw cause;
  }
}

/** What clients need to know: the platform file. */
function describe(parts: Parts, region: string, services: ServiceAddresses, workers: readonly string[]) {
  const { chain, prepared, keys } = parts;
  return {
    format: "cos-platform/1",
    name: "local",
    chain: {
      chainId: chain.chainId,
      rpcUrl: chain.rpcUrl,
      contracts: prepared.addresses,
      feeTokens: [{ address: prepared.addresses.CreditToken, symbol: "COSC", decimals: 18 }],
    },
    services: { ...services, workers },
    operator: computeAddress(keys.settler),
    gatewayAddress: computeAddress(keys.gateway),
    region,
    programs: prepared.programs,
  } as const;
}
