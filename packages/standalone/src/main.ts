import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startPlatform } from "./start-platform.ts";

/**
 * The platform as a process: what `cos up` starts in the background. Writes `run.json` with its pid at once and again
 * when it is ready; removes it at an orderly end.
 */
const { values } = parseArgs({
  options: {
    data: { type: "string" },
    workers: { type: "string", default: "2" },
    threads: { type: "string", default: "1" },
    engine: { type: "string", default: process.env.COS_FHE_ENGINE ?? "auto" },
    region: { type: "string", default: "local" },
    host: { type: "string", default: "127.0.0.1" },
    "gateway-port": { type: "string", default: "0" },
    "chain-port": { type: "string", default: "0" },
    "otel-endpoint": { type: "string" },
    "otel-folder": { type: "string" },
  },
});
const dataDir = values.data;
if (dataDir === undefined) {
  process.stderr.write("--data DIR is needed\n");
  process.exit(2);
}
const runFile = join(dataDir, "run.json");
const note = (ready: boolean) =>
  writeFile(runFile, `${JSON.stringify({ pid: process.pid, ready })}\n`, { mode: 0o600 });

await mkdir(dataDir, { recursive: true, mode: 0o700 });
let stopping = false;
try {
  const running = await startPlatform({
    dataDir,
    host: values.host,
    workers: Number(values.workers),
    threadsPerWorker: Number(values.threads),
    engines: [values.engine],
    region: values.region,
    telemetry: { endpoint: values["otel-endpoint"], folder: values["otel-folder"] },
    ports: { gateway: Number(values["gateway-port"]), chain: Number(values["chain-port"]) },
  });
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await running.stop();
    await rm(runFile, { force: true });
    process.exit(0);
  };
  process.on("SIGTERM", () => void stop());
  process.on("SIGINT", () => void stop());
  await note(true);
} catch (cause) {
  process.stderr.write(`cannot start: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  if (cause instanceof Error && cause.stack !== undefined) process.stderr.write(`${cause.stack}\n`);
  process.exit(1);
}
