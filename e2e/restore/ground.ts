import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Fleet, runToEnd, startFleet } from "@cos/cluster";
import { Unwinder } from "@cos/parts";
import pg from "pg";
import { EventLog } from "./event-log.ts";

/** Where a Kafka, a Postgres and an S3 store are, as `tools/parts` names them. */
export type RealParts = { readonly kafka: string; readonly postgres: string; readonly s3: string };

/** The services, in the order in which they are started after a loss: the mirror first. */
export const keepers = ["access", "orchestrator", "gateway", "settlement"] as const;
export type Keeper = (typeof keepers)[number];

/** The five services as processes on real parts, with a database, a bucket and a chain of their own. */
export type Ground = {
  readonly fleet: Fleet;
  readonly log: EventLog;
  readonly databaseUrl: string;
  readonly bucketUrl: string;
  /** Statements outside every service's database. */
  readonly serverUrl: string;
  /** Runs a statement in the services' database. */
  rows<R extends object>(sql: string, params?: readonly unknown[]): Promise<R[]>;
  /** Ends processes at once, as a lost machine does; all of them when none is named. */
  kill(...names: string[]): Promise<void>;
  start(...names: string[]): Promise<void>;
  /** Every service's database, gone; an empty one takes its place. */
  dropDatabase(): Promise<void>;
  /** A service's own command: `migrate`, `restored`. */
  command(service: Keeper, command: string): Promise<void>;
  stop(): Promise<void>;
};

/** @param settings environment over the fleet's defaults, by process */
export async function raiseGround(
  folder: string,
  parts: RealParts,
  settings: Readonly<Record<string, Readonly<Record<string, string>>>> = {},
): Promise<Ground> {
  const ends = new Unwinder();
  try {
    const name = `cos_restore_${randomBytes(5).toString("hex")}`;
    const databaseUrl = withDatabase(parts.postgres, name);
    await onServer(parts.postgres, `CREATE DATABASE ${name}`);
    ends.add(
      async () => void (await onServer(parts.postgres, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
    );
    const log = new EventLog(parts.kafka);
    ends.add(() => log.close());
    await log.wipe();
    ends.add(() => log.wipe());
    await mkdir(folder, { recursive: true });
    const bucketUrl = `${parts.s3}/${name.replaceAll("_", "-")}`;
    const fleet = await startFleet({
      folder: join(folder, "fleet"),
      parts: { kafka: parts.kafka, postgres: databaseUrl, s3: bucketUrl },
      region: "eu",
      workerRegions: ["eu", "eu"],
      settings: { settlement: { COS_SETTLEMENT_BATCH_MAX_AGE_SECONDS: "2" }, ...settings },
    });
    ends.add(() => fleet.stop());
    const processesOf = (names: readonly string[]) =>
      [...fleet.processes.values()].filter((each) => names.length === 0 || names.includes(each.name));
    return {
      fleet,
      log,
      databaseUrl,
      bucketUrl,
      serverUrl: parts.postgres,
      rows: (sql, params = []) => onServer(databaseUrl, sql, params),
      kill: async (...names) => {
        await Promise.all(processesOf(names).map((each) => each.kill()));
      },
      start: async (...names) => {
        await Promise.all(processesOf(names).map((each) => each.start()));
      },
      dropDatabase: async () => {
        await onServer(parts.postgres, `DROP DATABASE ${name} WITH (FORCE)`);
        await onServer(parts.postgres, `CREATE DATABASE ${name}`);
      },
      command: async (service, command) => {
        const plan = fleet.processes.get(service)?.plan;
        if (plan === undefined) throw new RangeError(`no ${service}`);
        await runToEnd({ ...plan, name: `${service} ${command}` }, [command]);
      },
      stop: () => ends.unwind(),
    };
  } catch (cause) {
    await ends.unwind().catch(() => {});
    throw cause;
  }
}

export function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

export async function onServer<R extends object>(
  url: string,
  sql: string,
  params: readonly unknown[] = [],
): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql, [...params])).rows as R[];
  } finally {
    await client.end();
  }
}
