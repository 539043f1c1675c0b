import { runCli } from "./run-cli.ts";

process.exitCode = await runCli(process.argv.slice(2));
// What was said is out; a connection to somebody who hangs must not keep the command from ending.
process.stdout.write("", () => process.stderr.write("", () => setTimeout(() => process.exit(), 500).unref()));
