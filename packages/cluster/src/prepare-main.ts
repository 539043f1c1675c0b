/**
 * A deployment's first steps, each a process that ends, and each the same however often it runs:
 * `secrets` makes the parts' passwords and certificates, before any part starts;
 * `platform` brings chain, bucket and schemas to the state that services need, and gives every service its folder.
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { partSettings, ServiceProcess, Unwinder } from "@cos/parts";
import { type ConfigOf, readConfig, type Settings } from "@cos/service-host";
import { handOut } from "./hand-out.ts";
import { runToEnd } from "./managed-process.ts";
import { makePartCertificates } from "./part-certificates.ts";
import { makePartSecrets } from "./part-secrets.ts";
import { prepareCluster } from "./prepare-cluster.ts";
import { prepareSettings } from "./prepare-settings.ts";

const config = settingsOf(prepareSettings, "COS_PREPARE_");
const step = process.argv[2];
if (step === "secrets") {
  await makePartSecrets(config.folder, config);
  if (config.partTls) await makePartCertificates(config);
} else if (step === "platform") await preparePlatform();
else throw new Error("say which step: secrets or platform");

async function preparePlatform(): Promise<void> {
  const parts = settingsOf(partSettings, "COS_");
  const folder = join(config.folder, "operator");
  const ends = new Unwinder();
  try {
    const host = await ServiceProcess.open("prepare", parts, ends);
    const prepared = await prepareCluster({ ...config, folder }, host);
    for (const service of ["access", "gateway", "orchestrator", "settlement"]) await migrate(service);
    await handOut(config, { chainId: parts.chainId ?? 0, rpcUrl: parts.rpcUrl ?? "" }, prepared);
  } finally {
    await ends.unwind();
  }
}

/** Brings a service's schema to its last step. */
async function migrate(service: string): Promise<void> {
  const database = Object.entries(process.env).filter(([key]) => key.startsWith("COS_DATABASE_"));
  await runToEnd(
    {
      name: `${service} migrate`,
      entry: fileURLToPath(new URL(`../../../services/${service}/src/main.ts`, import.meta.url)),
      environment: Object.fromEntries(database) as Record<string, string>,
      outputFile: join(tmpdir(), `${service}-migrate.log`),
    },
    ["migrate"],
  );
}

function settingsOf<T extends Settings>(settings: T, prefix: string): ConfigOf<T> {
  const read = readConfig(settings, prefix, process.env);
  if (read.ok) return read.value;
  const faults = read.error.faults.map(({ key, rule, meaning }) => `${key} (${meaning}): ${rule}`);
  throw new Error(`bad settings\n${faults.join("\n")}`);
}
