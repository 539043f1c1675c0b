import { Command } from "commander";
import { addAccessCommands } from "../../packages/cli/src/commands/access.ts";
import { addAuditCommand } from "../../packages/cli/src/commands/audit.ts";
import { addDatasetCommands } from "../../packages/cli/src/commands/dataset.ts";
import { addJobCommands } from "../../packages/cli/src/commands/job.ts";
import { addKeysCommands } from "../../packages/cli/src/commands/keys.ts";
import { addMoneyCommands } from "../../packages/cli/src/commands/money.ts";
import { addOpsCommands } from "../../packages/cli/src/commands/ops/ops.ts";
import { addPlatformCommands } from "../../packages/cli/src/commands/platform.ts";
import { addResultCommands } from "../../packages/cli/src/commands/result.ts";

const globalOptions = [
  "--home",
  "--platform",
  "--profile",
  "--account",
  "--passphrase-file",
  "--json",
  "--verbose",
];

/** The commands of `cos`, none of which does anything. */
export function cliCommands(): Command {
  const program = new Command("cos");
  const act = () => async () => {};
  addPlatformCommands(program, act);
  addKeysCommands(program, act);
  addDatasetCommands(program, act);
  addAccessCommands(program, act);
  addJobCommands(program, act);
  addResultCommands(program, act);
  addMoneyCommands(program, act);
  addAuditCommand(program, act);
  program.command("doctor");
  addOpsCommands(program, act);
  return program;
}

/**
 * What is wrong with a command line such as `cos ops mirror rewind --from-block 12`: a command, an argument or an option
 * that does not exist, or one that is missing. Undefined where nothing is.
 */
export function faultOfCommand(program: Command, line: string): string | undefined {
  const words = (line.match(/"[^"]*"|\S+/g) ?? []).slice(1);
  let command = program;
  const rest: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    const below = command.commands.find((each) => each.name() === word);
    if (below !== undefined && rest.length === 0) command = below;
    else if (word.startsWith("--")) {
      const [name = ""] = word.split("=", 1);
      const option = command.options.find((each) => each.long === name);
      if (option === undefined && !globalOptions.includes(name))
        return `${command.name()} has no option ${name}`;
      const takes = option === undefined ? !["--json", "--verbose"].includes(name) : option.required;
      if (takes && !word.includes("=")) at += 1;
    } else rest.push(word);
  }
  if (command.commands.length > 0) return `${rest[0] ?? "nothing"} is no command of ${command.name()}`;
  const needed = command.registeredArguments.filter(({ required }) => required).length;
  const most = command.registeredArguments.some(({ variadic }) => variadic)
    ? Infinity
    : command.registeredArguments.length;
  if (rest.length < needed || rest.length > most)
    return `${command.name()} takes ${needed} arguments, not ${rest.length}`;
  const missing = command.options.find(
    ({ mandatory, long }) => mandatory && !words.some((word) => word.startsWith(long ?? "")),
  );
  return missing === undefined ? undefined : `${command.name()} needs ${missing.long}`;
}
