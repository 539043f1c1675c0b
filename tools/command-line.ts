import { type ParseArgsConfig, parseArgs } from "node:util";

type Options = NonNullable<ParseArgsConfig["options"]>;
type Read<T extends Options> = ReturnType<typeof parseArgs<{ options: T }>>["values"];

export type CommandLine<T extends Options> =
  | { kind: "run"; values: Read<T> }
  /** `isAsked`: by `--help`; the command line was wrong otherwise. */
  | { kind: "explain"; isAsked: boolean; text: string };

/**
 * Reads a program's options, without any effect.
 * @param usage how to call the program, and what the options mean
 * @param numbers options whose values are whole numbers from 0 on, or lists of them with commas between
 */
export function parseCommandLine<const T extends Options>(
  args: readonly string[],
  usage: string,
  options: T,
  numbers: readonly (keyof T & string)[] = [],
): CommandLine<T> {
  if (args.includes("--help") || args.includes("-h")) return { kind: "explain", isAsked: true, text: usage };
  const wrong = (why: string) => ({ kind: "explain", isAsked: false, text: `${why}\n\n${usage}` }) as const;
  try {
    const { values } = parseArgs({ args: [...args], options });
    const given: Record<string, unknown> = values;
    for (const name of numbers) {
      const value = given[name];
      if (value !== undefined && !/^\d+(,\d+)*$/.test(String(value)))
        return wrong(`--${name} takes a whole number, not "${value}"`);
    }
    return { kind: "run", values };
  } catch (error) {
    if (!String((error as NodeJS.ErrnoException).code).startsWith("ERR_PARSE_ARGS")) throw error;
    return wrong((error as Error).message);
  }
}

/** This process's options. Ends it with 0 after `--help`, and with 2 after a command line that cannot be read. */
export function readOptions<const T extends Options>(
  usage: string,
  options: T,
  numbers: readonly (keyof T & string)[] = [],
): Read<T> {
  const line = parseCommandLine(process.argv.slice(2), usage, options, numbers);
  if (line.kind === "run") return line.values;
  (line.isAsked ? process.stdout : process.stderr).write(`${line.text}\n`);
  process.exit(line.isAsked ? 0 : 2);
}
