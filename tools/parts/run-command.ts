import { execFile } from "node:child_process";
import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);

/** Runs a command to its end. @returns its standard output. @throws with the end of what it wrote when it fails */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string>; uid?: number; gid?: number } = {},
): Promise<string> {
  const { env, ...rest } = options;
  try {
    const { stdout } = await execute(command, [...args], {
      ...rest,
      env: { ...process.env, ...env },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout.trim();
  } catch (error) {
    const { stderr = "", message } = error as { stderr?: string; message: string };
    const lines = (stderr || message).trim().split("\n").slice(-8);
    throw new Error(`${command} ${args[0] ?? ""} failed:\n${lines.join("\n")}`, { cause: error });
  }
}

/** The first of these programs that is on the path or in one of the folders, as a full path. */
export async function findProgram(
  names: readonly string[],
  folders: readonly string[] = [],
): Promise<string | undefined> {
  const places = [...folders, ...(process.env.PATH ?? "").split(delimiter)];
  for (const name of names) {
    for (const folder of places) {
      const file = join(folder, name);
      const there = await access(file, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (folder !== "" && there) return file;
    }
  }
  return undefined;
}
