import { existsSync } from "node:fs";
import { join } from "node:path";
import { CosFailure } from "@cos/client";
import { demoUsage, parseDemoOptions } from "./demo-options.ts";
import { runDemo } from "./run/run-demo.ts";
import { openScreen } from "./run/screen.ts";
import { StageFailure } from "./run/stage-clock.ts";

/** npm runs scripts in the package's root; paths on the command line are meant from where it was typed. */
const cwd = process.env.INIT_CWD ?? process.cwd();
const options = parseDemoOptions(process.argv.slice(2), cwd, process.env.COS_FHE_ENGINE);
if (!options.ok) {
  process.stderr.write(`demo: ${options.error.message}\n\n${demoUsage}`);
  process.exit(2);
}
if (options.value === undefined) {
  process.stdout.write(demoUsage);
  process.exit(0);
}

const interrupted = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => interrupted.abort(new Error(`interrupted by ${signal}`)));
}

const workDir = join(options.value.out, "work");
const screen = openScreen(process.stdout);
try {
  const outcome = await runDemo(options.value, screen, interrupted.signal);
  process.exit(outcome.equal ? 0 : 1);
} catch (cause) {
  for (const line of faultLines(cause)) process.stderr.write(`${line}\n`);
  if (existsSync(workDir)) process.stderr.write(`      keys, ciphertexts and logs of this run: ${workDir}\n`);
  process.exit(interrupted.signal.aborted ? 130 : 1);
}

function faultLines(cause: unknown): string[] {
  const inner = cause instanceof StageFailure ? cause.cause : cause;
  const where = cause instanceof StageFailure ? ` at "${cause.stage}"` : "";
  if (!(inner instanceof CosFailure)) {
    const unexpected = inner instanceof Error ? (inner.stack ?? inner.message) : String(inner);
    return [`demo: stopped${where}: ${interrupted.signal.aborted ? "interrupted" : unexpected}`];
  }
  const facts = Object.entries(inner.facts).map(([name, value]) => `${name}=${value}`);
  return [
    `demo: stopped${where}: ${inner.message} [${inner.code}]`,
    ...(facts.length > 0 ? [`      ${facts.join(" ")}`] : []),
    ...(inner.hint === undefined ? [] : [`      ${inner.hint}`]),
  ];
}
