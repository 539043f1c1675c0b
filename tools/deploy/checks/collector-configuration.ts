import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { runCommand } from "../../parts/run-command.ts";
import type { Program } from "../programs.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const configuration = join(root, "deploy/compose/otel/collector.yaml");

/** Harms to the configuration, each of which the collector must refuse. */
const harms: readonly (readonly [what: string, from: string, to: string])[] = [
  ["a misspelt key", "endpoint:", "endpiont:"],
  ["an exporter that is not there", "exporters: [debug]", "exporters: [debug, nobody]"],
  ["a receiver of no kind", "  otlp:", "  oltp:"],
];

/**
 * The collector's own opinion of the configuration that docker-compose.yml gives it, by the version that runs there.
 * @returns the faults, and how many harms it was shown
 */
export async function collectorConfiguration({
  path,
  version,
}: Program): Promise<{ faults: string[]; tried: number }> {
  const faults: string[] = [];
  const compose = await readFile(join(root, "docker-compose.yml"), "utf8");
  const image = /image: otel\/opentelemetry-collector:(\S+)/.exec(compose)?.[1];
  if (`v${image}` !== version)
    faults.push(`docker-compose.yml runs the collector ${image}, tools/deploy/collector is of ${version}`);
  const complaintOf = (file: string) =>
    runCommand(path, ["validate", "--config", file]).then(
      () => undefined,
      (error: Error) => error.message,
    );
  const complaint = await complaintOf(configuration);
  if (complaint !== undefined) faults.push(complaint);
  const text = await readFile(configuration, "utf8");
  const folder = await mkdtemp(join(tmpdir(), "cos-collector-"));
  try {
    for (const [what, from, to] of harms) {
      const file = join(folder, "harmed.yaml");
      const harmed = text.replace(from, to);
      await writeFile(file, harmed);
      if (harmed === text) faults.push(`${what}: the configuration no longer holds \`${from}\``);
      else if ((await complaintOf(file)) === undefined) faults.push(`${what} was taken`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
  return { faults, tried: harms.length };
}
