import { composeFheWorker, type FheWorker, readWorkerConfig } from "@cos/fhe-worker";
import type { Unwinder } from "@cos/parts";
import { WorkerServiceService } from "@cos/proto/worker";
import { createGrpcClient, createLogger, serviceTokenKey } from "@cos/service-host";
import { Wallet } from "ethers";
import type { Parts } from "./open-parts.ts";
import type { ServiceTelemetry } from "./service-telemetry.ts";

export type WorkersOptions = {
  readonly host: string;
  readonly region: string;
  readonly count: number;
  /** Evaluator threads of each worker. */
  readonly threads: number;
  /** What computes on ciphertexts, worker by worker and then from the first again: auto, native or wasm. */
  readonly engines: readonly string[];
  readonly orchestratorAddress: string;
  readonly level: string;
  readonly telemetry: ServiceTelemetry;
};

/** Starts workers, each with its own key, in the region and for tasks of no region. Returns their gRPC addresses. */
export async function startWorkers(
  parts: Parts,
  options: WorkersOptions,
  ends: Unwinder,
): Promise<readonly string[]> {
  const { keys, log, sink, chain } = parts;
  const settingsOf = (index: number) => {
    const config = readWorkerConfig({
      COS_WORKER_HOST: options.host,
      COS_WORKER_REGIONS: options.region === "" ? "any" : `any,${options.region}`,
      COS_WORKER_THREADS: String(options.threads),
      COS_WORKER_ENGINE: options.engines[index % options.engines.length],
      COS_WORKER_ORCHESTRATOR_ADDRESS: options.orchestratorAddress,
      COS_WORKER_CHAIN_ID: String(chain.chainId),
    });
    if (config.ok) return config.value;
    throw new Error(`bad worker settings: ${config.error.faults.map(({ key }) => key).join(", ")}`);
  };
  const start = async (key: string, index: number): Promise<FheWorker> => {
    const worker = composeFheWorker(settingsOf(index), {
      log,
      key: new Wallet(key),
      logger: createLogger("fhe-worker", sink, options.level),
      serviceToken: keys.serviceToken,
      telemetry: options.telemetry.of("fhe-worker"),
    });
    await worker.start();
    ends.add(() => worker.stop());
    return worker;
  };
  const workers = await Promise.all(keys.workers.slice(0, options.count).map(start));
  workers.forEach((worker, index) => {
    options.telemetry.urls.set(`fhe-worker-${index + 1}`, worker.metricsUrl);
  });
  return workers.map((worker) => worker.grpcAddress);
}

/** Lets a worker finish what it runs and take no more. */
export async function drainWorker(address: string, serviceToken: string): Promise<void> {
  const worker = createGrpcClient(WorkerServiceService, address, { [serviceTokenKey]: serviceToken });
  try {
    await worker.drain({});
  } finally {
    worker.close();
  }
}
