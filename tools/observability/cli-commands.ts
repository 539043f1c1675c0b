import { Command } from "commander";
import { addCommands } from "../../packages/cli/src/commands/add-commands.ts";

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
  addCommands(program, () => async () => {});
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
