import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { prepareSettings } from "../../../packages/cluster/src/prepare-settings.ts";
import { partSettings } from "../../../packages/parts/src/index.ts";
import { readConfig, type Settings } from "../../../packages/service-host/src/index.ts";
import type { Rendered } from "../chart.ts";
import { type ServiceName, services } from "../values/service-settings.ts";
import type { Container, FileSources } from "./kubernetes.ts";
import { type Workload, workloadsOf } from "./workloads.ts";

/** What main.ts asks for beside the service's own settings. */
const ofProcess: Partial<Record<ServiceName, readonly string[]>> = {
  settlement: [
    "settlerKeyFile",
    "usageKeyFile",
    "settlerKeyId",
    "usageKeyId",
    "signerUrl",
    "signerTokenFile",
    "signerCaFile",
  ],
  "fhe-worker": ["workerKeyFile"],
};

/**
 * Gives each rendered service its environment as its own code would read it: every setting must be one that the code
 * knows and takes, and every file that a setting names must be mounted. @returns the faults
 */
export async function serviceSettings(objects: readonly Rendered[]): Promise<string[]> {
  const faults: string[] = [];
  let read = 0;
  for (const workload of workloadsOf(objects)) {
    for (const container of workload.spec.containers) {
      const command = (container.command ?? []).join(" ");
      const service = /services\/([a-z-]+)\/src\/main\.ts$/.exec(command)?.[1] as ServiceName | undefined;
      if (service === undefined) {
        if (command.includes("prepare-main.ts")) faults.push(...prepares(workload, container));
        continue;
      }
      read++;
      const env = Object.fromEntries(
        (container.env ?? []).flatMap(({ name, value }) =>
          value === undefined ? [] : [[name, value] as const],
        ),
      );
      const isPrepared = command.includes("--env-file");
      const say = (fault: string) => faults.push(`${workload.name}: ${fault}`);
      await takes(service, env, isPrepared, say);
      for (const [name, value] of Object.entries(env)) {
        if (name.endsWith("_FILE") && !isMounted(workload, container, value))
          say(`${name} names ${value}, which nothing mounts`);
      }
    }
  }
  return read === 0 ? ["no service was rendered"] : faults;
}

/** The development parts' preparation reads settings of its own. */
function prepares({ name: workload }: Workload, { env = [] }: Container): string[] {
  const given = Object.fromEntries(env.map(({ name, value }) => [name, value] as const));
  const config = readConfig(prepareSettings, "COS_PREPARE_", given);
  return config.ok
    ? []
    : config.error.faults.map(({ key, rule }) => `${workload}: prepare refuses ${key}: ${rule}`);
}

async function takes(
  service: ServiceName,
  env: Readonly<Record<string, string>>,
  isPrepared: boolean,
  say: (fault: string) => void,
): Promise<void> {
  const { prefix, settings } = services[service];
  const own = ofProcess[service] ?? [];
  const main = await readFile(
    fileURLToPath(new URL(`../../../services/${service}/src/main.ts`, import.meta.url)),
    "utf8",
  );
  for (const key of own) if (!main.includes(`${key}:`)) say(`its process no longer asks for ${key}`);
  const known = new Set([
    ...Object.keys(partSettings).map((key) => variable("COS_", key)),
    ...[...Object.keys(settings), ...own].map((key) => variable(prefix, key)),
  ]);
  for (const name of Object.keys(env)) {
    if (name.startsWith("COS_") && !known.has(name))
      say(`${name} is a setting that the service does not know`);
  }
  const keys = service === "settlement" ? ["SETTLER", "USAGE"] : service === "fhe-worker" ? ["WORKER"] : [];
  for (const key of keys) {
    const places = ["KEY_FILE", "KEY_ID"].filter((place) => env[`${prefix}${key}_${place}`]);
    if (places.length !== 1) say(`the ${key} key is in ${places.length} places`);
  }
  for (const [start, group] of [
    ["COS_", partSettings],
    [prefix, settings],
  ] as const) {
    const config = readConfig(group as Settings, start, env);
    if (config.ok) continue;
    for (const { key, rule } of config.error.faults) {
      // A prepared chain tells this one, in a file that node reads into the environment.
      if (isPrepared && env[key] === undefined) continue;
      say(`the service refuses ${key}: ${rule}`);
    }
  }
}

const variable = (prefix: string, key: string) =>
  `${prefix}${key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase()}`;

function isMounted({ spec }: Workload, container: Container, path: string): boolean {
  for (const { name, mountPath, subPathExpr } of container.volumeMounts ?? []) {
    if (path === mountPath) return subPathExpr !== undefined;
    if (!path.startsWith(`${mountPath}/`)) continue;
    const volume = spec.volumes?.find((each) => each.name === name);
    const file = path.slice(mountPath.length + 1);
    if (volume?.persistentVolumeClaim) return true; // Its files are made at run time.
    if (volume?.configMap && !volume.configMap.items) return true;
    const sources: readonly FileSources[] = volume?.projected?.sources ?? [volume ?? {}];
    return sources.some(({ secret, configMap }) =>
      (secret ?? configMap)?.items?.some((item) => item.path === file),
    );
  }
  return false;
}
