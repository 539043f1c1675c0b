import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { checkHealth } from "@cos/client";
import { type Fleet, type FleetOptions, ManagedProcess, type ProcessPlan, runToEnd } from "@cos/cluster";
import { Unwinder } from "@cos/parts";
import { freePort } from "@cos/service-host/free-ports";
import { EventLog } from "../restore/event-log.ts";
import { keepers, onServer, type RealParts, withDatabase } from "../restore/ground.ts";
import { openServiceWay, type ServiceWay } from "./service-way.ts";

/** Settings that say where a service listens. */
const ports = {
  access: ["COS_ACCESS_GRPC_PORT"],
  orchestrator: ["COS_ORCHESTRATOR_GRPC_PORT"],
  gateway: ["COS_GATEWAY_GRPC_PORT", "COS_GATEWAY_HTTP_PORT"],
  settlement: ["COS_SETTLEMENT_GRPC_PORT"],
} as const;

type Keeper = keyof typeof ports;

/** A fleet of the earlier version, and how it becomes one of today's while people use it. */
export type RollingFleet = {
  readonly fleet: Fleet;
  readonly databaseUrl: string;
  /** Today's migrations, as the hook of the chart runs them before anything else: the earlier processes go on. */
  migrate(): Promise<void>;
  /** Starts today's process of a service beside the earlier one; both are reached by one address. */
  addNew(service: Keeper): Promise<void>;
  /** Ends the earlier process of a service as Kubernetes does: no new connections, then SIGTERM. */
  endOld(service: Keeper): Promise<void>;
  /** Drains an earlier worker and starts today's in its place. */
  replaceWorker(name: string): Promise<void>;
  stop(): Promise<void>;
};

/** @param tree the earlier version's sources */
export async function raiseEarlier(folder: string, tree: string, parts: RealParts): Promise<RollingFleet> {
  const ends = new Unwinder();
  try {
    const name = `cos_upgrade_${randomBytes(5).toString("hex")}`;
    await onServer(parts.postgres, `CREATE DATABASE ${name}`);
    ends.add(async () => void (await onServer(parts.postgres, `DROP DATABASE ${name} WITH (FORCE)`)));
    const log = new EventLog(parts.kafka);
    ends.add(() => log.close());
    await log.wipe();
    ends.add(() => log.wipe());
    await mkdir(folder, { recursive: true });
    const ways: Record<Keeper | "gatewayHttp", ServiceWay> = {
      access: await openServiceWay(),
      orchestrator: await openServiceWay(),
      gateway: await openServiceWay(),
      settlement: await openServiceWay(),
      gatewayHttp: await openServiceWay(),
    };
    for (const way of Object.values(ways)) ends.add(() => way.close());
    const databaseUrl = withDatabase(parts.postgres, name);
    const options: FleetOptions = {
      folder: join(folder, "fleet"),
      parts: { kafka: parts.kafka, postgres: databaseUrl, s3: `${parts.s3}/${name.replaceAll("_", "-")}` },
      via: async (service, address) => {
        ways[service].to(portOf(address));
        return ways[service].address;
      },
      region: "eu",
      // One of them may be on its way out, and two must agree on each task.
      workerRegions: ["eu", "eu", "eu"],
      settings: { gateway: { COS_GATEWAY_PUBLIC_URL: `http://${ways.gatewayHttp.address}` } },
    };
    const earlier = (await import(
      pathToFileURL(join(tree, "packages/cluster/src/index.ts")).href
    )) as typeof import("@cos/cluster");
    // The gateway's HTTP port is known once its plan is made; nobody transfers before that.
    const fleet = await earlier.startFleet(options);
    ends.add(() => fleet.stop());
    const planOf = (service: string): ProcessPlan => {
      const plan = fleet.processes.get(service)?.plan;
      if (plan === undefined) throw new RangeError(`no ${service}`);
      return plan;
    };
    ways.gatewayHttp.to(Number(planOf("gateway").environment.COS_GATEWAY_HTTP_PORT));
    const added = new Map<Keeper, ManagedProcess>();
    ends.add(async () => {
      await Promise.all([...added.values()].map((each) => each.stop()));
    });
    const replaced = new Map<string, ManagedProcess>();
    ends.add(async () => {
      await Promise.all([...replaced.values()].map((each) => each.stop()));
    });
    return {
      fleet,
      databaseUrl,
      migrate: async () => {
        for (const service of keepers) {
          const plan = planOf(service);
          await runToEnd({ ...plan, entry: todays(service), name: `${service} migrate` }, ["migrate"]);
        }
      },
      addNew: async (service) => {
        const plan = planOf(service);
        const fresh = await Promise.all(ports[service].map(() => freePort()));
        const environment = {
          ...plan.environment,
          ...Object.fromEntries(ports[service].map((key, at) => [key, String(fresh[at])])),
        };
        const process = new ManagedProcess({
          ...plan,
          name: `${service} (new)`,
          entry: todays(service),
          environment,
          outputFile: `${plan.outputFile}.new`,
          isReady: async () => (await checkHealth(`127.0.0.1:${fresh[0]}`, 1_000)) === "SERVING",
        });
        added.set(service, process);
        await process.start();
        const old = ports[service].map((key) => Number(plan.environment[key]));
        ways[service].to(old[0] ?? 0, fresh[0] ?? 0);
        if (service === "gateway") ways.gatewayHttp.to(old[1] ?? 0, fresh[1] ?? 0);
      },
      endOld: async (service) => {
        const environment = added.get(service)?.plan.environment ?? {};
        const now = ports[service].map((key) => Number(environment[key]));
        ways[service].to(now[0] ?? 0);
        if (service === "gateway") ways.gatewayHttp.to(now[1] ?? 0);
        await fleet.processes.get(service)?.stop(60_000);
      },
      replaceWorker: async (name) => {
        const old = fleet.processes.get(name);
        if (old === undefined) throw new RangeError(`no ${name}`);
        await old.stop(120_000);
        const worker = new ManagedProcess({ ...old.plan, entry: todays("fhe-worker") });
        replaced.set(name, worker);
        await worker.start();
      },
      stop: () => ends.unwind(),
    };
  } catch (cause) {
    await ends.unwind().catch(() => {});
    throw cause;
  }
}

const todays = (service: string): string =>
  fileURLToPath(new URL(`../../services/${service}/src/main.ts`, import.meta.url));

const portOf = (address: string): number => Number(address.slice(address.lastIndexOf(":") + 1));
