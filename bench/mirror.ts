/**
 * How fast the chain mirror catches up: an anvil with 100,000 and more logs of the COS contracts, read from the deployment's
 * block to the head into each store there is. The machine's ceiling is measured in the same run: the same headers and
 * receipts downloaded and parsed, and nothing else done with them.
 *
 *     node bench/mirror.ts [--permits 9100] [--json FILE]        COS_PARTS_POSTGRES adds the real Postgres
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBlockReader, openRpcProvider } from "@cos/chain";
import { readConfig } from "@cos/service-host";
import { openEmbeddedStore, openPostgresStore, type Store } from "@cos/store";
import { contractLogReader } from "../services/access/src/adapters/chain/contract-log-reader.ts";
import { accessMigrations } from "../services/access/src/adapters/store/migrations.ts";
import { sqlMirrorStore } from "../services/access/src/adapters/store/sql-mirror-store.ts";
import { createMirror } from "../services/access/src/app/mirror.ts";
import { accessSettings } from "../services/access/src/config.ts";
import { readOptions } from "../tools/command-line.ts";
import { type BusyChain, startBusyChain } from "./mirror/busy-chain.ts";
import { downloadCeiling } from "./mirror/download-ceiling.ts";

const given = readOptions(
  "node bench/mirror.ts [--permits 9100] [--json FILE]",
  { permits: { type: "string", default: "9100" }, json: { type: "string" } },
  ["permits"],
);

/** `cpuSeconds`: of this process with its threads; a server's and the node's are not in it. */
type Row = { name: string; seconds: number; cpuSeconds: number; logsPerSecond: number; ofCeiling: number };

const chain = await startBusyChain(Number(given.permits));
const folder = await mkdtemp(join(tmpdir(), "cos-bench-mirror-"));
const rows: Row[] = [];
try {
  console.log(`${chain.logs} logs in ${chain.blocks} blocks, ${chain.transactions} transactions`);
  const ceiling = await timed(() => downloadCeiling(chain));
  note("download and parse alone (ceiling)", ceiling, ceiling.seconds);
  for (const { name, open } of stores()) {
    const store = await open();
    try {
      note(`mirror into ${name}`, await catchUp(store, chain), ceiling.seconds);
    } finally {
      await store.close();
    }
  }
} finally {
  await chain.stop();
  await rm(folder, { recursive: true, force: true });
}
console.log(
  [
    "what".padEnd(36),
    "seconds".padStart(8),
    "cpu s".padStart(8),
    "logs/s".padStart(8),
    "of ceiling".padStart(11),
  ].join(" "),
);
for (const { name, seconds, cpuSeconds, logsPerSecond, ofCeiling } of rows) {
  const cells = [
    seconds.toFixed(1).padStart(8),
    cpuSeconds.toFixed(1).padStart(8),
    logsPerSecond.toFixed(0).padStart(8),
    `${(100 * ofCeiling).toFixed(0)} %`.padStart(11),
  ];
  console.log([name.padEnd(36), ...cells].join(" "));
}
if (given.json !== undefined) {
  const { logs, blocks, transactions } = chain;
  await writeFile(
    given.json,
    `${JSON.stringify({ bench: "mirror", logs, blocks, transactions, rows }, null, 2)}\n`,
  );
}

type Time = { readonly seconds: number; readonly cpuSeconds: number };

function note(name: string, { seconds, cpuSeconds }: Time, ceilingSeconds: number): void {
  rows.push({
    name,
    seconds,
    cpuSeconds,
    logsPerSecond: chain.logs / seconds,
    ofCeiling: ceilingSeconds / seconds,
  });
}

async function timed(work: () => Promise<void>): Promise<Time> {
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpu);
  return { seconds: (performance.now() - started) / 1e3, cpuSeconds: (user + system) / 1e6 };
}

function stores(): { name: string; open: () => Promise<Store> }[] {
  const embedded = {
    name: "the embedded store",
    open: () => openEmbeddedStore({ dataDir: join(folder, "store") }),
  };
  const url = process.env.COS_PARTS_POSTGRES;
  if (url === undefined) return [embedded];
  const postgres = async (): Promise<Store> => {
    const store = await openPostgresStore({ url, applicationName: "bench-mirror", migrations: "run" });
    await store.schema("access").query("DROP SCHEMA IF EXISTS access CASCADE");
    return store;
  };
  return [embedded, { name: "Postgres", open: postgres }];
}

/** From an empty schema to the head, with the service's own defaults. */
async function catchUp(
  store: Store,
  { rpcUrl, chainId, addresses, firstBlock, logs }: BusyChain,
): Promise<Time> {
  const config = readConfig(accessSettings, "", { START_BLOCK: String(firstBlock) });
  if (!config.ok) throw new Error("the defaults are a configuration");
  const db = store.schema("access");
  await db.migrate(accessMigrations);
  const provider = openRpcProvider(rpcUrl, { chainId, timeoutMs: 60_000 });
  const step = createMirror(
    contractLogReader(openBlockReader(provider), addresses),
    sqlMirrorStore(db),
    config.value,
  );
  const time = await timed(async () => {
    for (;;) {
      const did = await step();
      if ("synced" in did && did.synced) return;
    }
  });
  provider.destroy();
  const { rows: counted } = await db.query<{ logs: bigint }>("SELECT count(*) AS logs FROM chain_log");
  if (Number(counted[0]?.logs) !== logs) throw new Error(`mirrored ${counted[0]?.logs} of ${logs} logs`);
  return time;
}
