/**
 * `npm run parts`: starts a real Kafka, Postgres, Redis and two S3 stores, prints where they are, and runs until Ctrl-C.
 * `npm run parts -- --once COMMAND…` runs a command with the variables set and stops the parts after it.
 * `--only kafka,postgres` starts some of them.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { type PartName, partNames, type RunningParts, startParts } from "./start-parts.ts";

const { names, command } = readArguments(process.argv.slice(2));
const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopped.resolve());

const running = await startParts(names);
report(running);
if (command.length > 0) process.exitCode = await runOnce(command, running.env);
else {
  const awake = setInterval(() => {}, 60_000);
  await stopped.promise;
  clearInterval(awake);
}
await running.stop();
process.exit();

function readArguments(args: string[]): { names: PartName[]; command: string[] } {
  const at = args.indexOf("--once");
  const { values } = parseArgs({
    args: at < 0 ? args : args.slice(0, at),
    options: { only: { type: "string" } },
  });
  const wanted = values.only?.split(",") ?? partNames;
  const unknown = wanted.filter((name) => !partNames.includes(name as PartName));
  if (unknown.length > 0) throw new Error(`no such part: ${unknown.join(", ")} (${partNames.join(", ")})`);
  if (at >= 0 && at === args.length - 1) throw new Error("--once needs a command");
  return { names: wanted as PartName[], command: at < 0 ? [] : args.slice(at + 1) };
}

function report({ parts, missing }: RunningParts): void {
  for (const { name, version, env } of parts) {
    console.log(`${name} ${version}`);
    for (const [variable, value] of Object.entries(env)) console.log(`  ${variable}=${value}`);
  }
  for (const { name, reason } of missing) console.log(`no ${name}: ${reason}`);
}

/** @returns the command's exit status */
async function runOnce([file, ...args]: string[], env: Readonly<Record<string, string>>): Promise<number> {
  const child = spawn(file!, args, { stdio: "inherit", env: { ...process.env, ...env } });
  void stopped.promise.then(() => child.kill("SIGTERM"));
  const [code] = (await once(child, "close")) as [number | null];
  return code ?? 1;
}
