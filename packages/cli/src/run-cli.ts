import { CosFailure } from "@cos/client";
import { Command, CommanderError } from "commander";
import type { Act } from "./act.ts";
import { addCommands } from "./commands/add-commands.ts";
import { Context, type GlobalOptions } from "./context.ts";
import { exitCodes } from "./exit-codes.ts";
import { type Io, processIo } from "./io.ts";
import { Output } from "./output.ts";

/**
 * Runs one `cos` command line and answers its exit code. Never throws and never exits, so that tests and the
 * demonstration can call it in-process.
 */
export async function runCli(args: readonly string[], io: Io = processIo()): Promise<number> {
  const program = new Command("cos");
  const json = args.includes("--json");
  program
    .description(
      "Cryptographic Open Science: rent out computation on biomedical data without handing it over",
    )
    .option("--home <dir>", "where keys and notes lie (COS_HOME; default ~/.cos)")
    .option("--platform <file>", "which platform to talk to (COS_PLATFORM; default HOME/platform.json)")
    .option("--profile <name>", "the same by name: HOME/profiles/NAME.json (COS_PROFILE)")
    .option("--account <name>", "which of the keystore's accounts to act as (COS_ACCOUNT)")
    .option("--passphrase-file <file>", "read the passphrase from a file (or COS_PASSPHRASE)")
    .option("--json", "print one JSON document on standard output and nothing else")
    .option("--verbose", "show where an unexpected error came from")
    .addHelpText("after", helpOfExitCodes)
    .showHelpAfterError(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: () => {},
    });
  program.addOption(
    program
      .createOption("--scrypt-log-n <n>", "cost of new key files; for tests only")
      .argParser(Number)
      .hideHelp(),
  );
  const out = new Output(io, json);
  let context: Context | undefined;
  let code: number = exitCodes.ok;
  const act: Act =
    (action) =>
    async (...parsed) => {
      context = new Context(io, program.opts<GlobalOptions>());
      const result = await action(context, ...parsed);
      context.out.result(result);
      code = result.code ?? exitCodes.ok;
    };
  addCommands(program, act);
  inheritSettings(program);
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (cause) {
    return report(cause, out, args.includes("--verbose"));
  } finally {
    context?.close();
  }
}

function report(cause: unknown, out: Output, verbose: boolean): number {
  if (cause instanceof CommanderError) {
    if (cause.exitCode === 0) return exitCodes.ok;
    out.failure(
      new CosFailure("usage", "BAD_COMMAND_LINE", cause.message.replace(/^error: /, ""), {
        hint: "`cos --help` and `cos COMMAND --help` list what there is",
      }),
    );
    return exitCodes.usage;
  }
  if (cause instanceof CosFailure) {
    out.failure(cause);
    return exitCodes[cause.kind];
  }
  if (cause instanceof Error && cause.name === "ExitPromptError") return exitCodes.interrupted;
  out.unexpected(cause, verbose);
  return exitCodes.unexpected;
}

/** Global options may stand anywhere, and every command fails the same way. */
function inheritSettings(program: Command): void {
  for (const command of program.commands) {
    command.copyInheritedSettings(program);
    inheritSettings(command);
  }
}

const helpOfExitCodes = `
Exit codes: 0 done, 1 unexpected, 2 wrong arguments or files, 3 refused by a clause or policy, 4 not found,
            5 platform or chain unavailable, 6 bytes are not what was committed to.`;
