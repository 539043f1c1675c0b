import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { startAnvil, startHeartbeat } from "@cos/chain";
import { type Fleet, startFleet } from "@cos/cluster";
import { Unwinder } from "@cos/parts";
import { AccessServiceService } from "@cos/proto/access";
import { ComputeServiceService, TaskServiceService } from "@cos/proto/compute";
import { JobServiceService, SessionServiceService, TicketServiceService } from "@cos/proto/gateway";
import { type FaultyRpc, startFaultyRpc } from "@cos/testkit";
import { cacheFolder } from "../../tools/parts/cache-folder.ts";
import { startKafkaCluster } from "../../tools/parts/kafka-cluster.ts";
import { runPostgres } from "../../tools/parts/postgres.ts";
import { runRedis } from "../../tools/parts/redis.ts";
import { runMinio } from "../../tools/parts/s3.ts";
import { type CallFault, startGrpcProxy } from "./grpc-proxy.ts";
import { type MiningGate, openMiningGate } from "./mining-gate.ts";
import type { PartName } from "./schedule.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** A part that a fault run may fail. */
export type FaultyPart = {
  readonly version: string;
  kill(): Promise<void>;
  start(): Promise<void>;
  /** The way by which services reach it. A broker tells clients its own address, so its way cannot be cut. */
  readonly way?: TcpProxy;
};

/** Everything that a fault run can break, and the fleet in the middle of it. */
export type Stage = {
  readonly fleet: Fleet;
  readonly parts: Readonly<Record<PartName, FaultyPart>>;
  readonly rpc: FaultyRpc;
  /** Everybody's way to the chain. */
  readonly gate: MiningGate;
  /** Deals out the fate of calls between processes; nothing happens to them at first. */
  calls: { fate: () => CallFault; lateMs: () => number };
  /** What people use, past every proxy, to look at the end. */
  readonly direct: { readonly postgres: string; readonly s3: string; readonly rpcUrl: string };
  readonly depth: number;
  stop(): Promise<void>;
};

const serviceMethods = {
  access: [AccessServiceService],
  orchestrator: [ComputeServiceService, TaskServiceService],
  gateway: [SessionServiceService, TicketServiceService, JobServiceService],
} as const;

/** Real Kafka, Postgres, Redis and MinIO, a chain, and the five services with four workers in two regions. */
export async function raiseStage(folder: string, depth: number): Promise<Stage> {
  const ends = new Unwinder();
  try {
    const cache = cacheFolder();
    const home = join(folder, "parts");
    await mkdir(home, { recursive: true, mode: 0o711 });
    await chmod(folder, 0o711); // under root Postgres runs as another user, who must get to its own folder
    const [kafka, postgres, redis, minio] = await Promise.all([
      startKafkaCluster(home, cache),
      runPostgres(home, cache),
      runRedis(home, cache),
      runMinio(home, cache),
    ]);
    ends.add(() => kafka.stop());
    for (const { server } of [postgres, redis, minio]) ends.add(() => server.stop());
    const chain = await startAnvil({ dataDir: join(folder, "chain"), beats: false });
    ends.add(() => chain.stop());

    const wayTo = async (url: string) => {
      const { hostname, port } = new URL(url);
      const way = await startTcpProxy({ host: hostname, port: Number(port) });
      ends.add(() => way.close());
      return way;
    };
    const ways = {
      database: await wayTo(postgres.url),
      cache: await wayTo(redis.url),
      store: await wayTo(minio.url),
    };
    const through = (url: string, way: TcpProxy) => {
      const changed = new URL(url);
      changed.port = String(way.port);
      return changed.href.replace(/\/$/, "");
    };
    const gate = await openMiningGate(chain.rpcUrl);
    ends.add(() => gate.close());
    const heartbeat = startHeartbeat(gate.url, chain.chainId);
    ends.add(() => heartbeat.stop());
    const rpc = await startFaultyRpc(gate.url);
    ends.add(() => rpc.close());

    const calls: Stage["calls"] = { fate: () => "none", lateMs: () => 0 };
    const fleet = await startFleet({
      folder: join(folder, "fleet"),
      chain: { rpcUrl: gate.url, chainId: chain.chainId },
      parts: {
        kafka: kafka.addresses.join(","),
        postgres: through(postgres.url, ways.database),
        redis: through(redis.url, ways.cache),
        s3: `${through(minio.url, ways.store)}/cos`,
      },
      partsOf: () => ({ rpcUrl: rpc.url }),
      via: async (service, address) => {
        const proxy = await startGrpcProxy({
          target: address,
          services: serviceMethods[service],
          fate: () => calls.fate(),
          lateMs: () => calls.lateMs(),
        });
        ends.add(() => proxy.close());
        return proxy.address;
      },
      region: "eu",
      workerRegions: ["eu", "eu", "us", "us"],
      settings: {
        access: { COS_ACCESS_DEPTH: String(depth) },
        settlement: { COS_SETTLEMENT_CONFIRMATIONS: String(depth) },
        orchestrator: { COS_ORCHESTRATOR_ORPHAN_SECONDS: "60" },
      },
    });
    ends.add(() => fleet.stop());
    const server = ({ server, version }: typeof postgres, way: TcpProxy): FaultyPart => ({
      version,
      way,
      kill: () => server.kill(),
      start: () => server.start(),
    });
    const [broker] = kafka.brokers;
    if (broker === undefined) throw new Error("a cluster without a broker");
    return {
      fleet,
      rpc,
      gate,
      calls,
      depth,
      parts: {
        broker: { version: kafka.version, kill: () => broker.kill(), start: () => broker.start() },
        database: server(postgres, ways.database),
        cache: server(redis, ways.cache),
        store: server(minio, ways.store),
      },
      direct: { postgres: postgres.url, s3: minio.url, rpcUrl: chain.rpcUrl },
      stop: () => ends.unwind(),
    };
  } catch (cause) {
    await ends.unwind().catch(() => {});
    throw cause;
  }
}
