import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A process that a number is held against: an entry of this folder, which calls `ready` and ends with the bench. */
export async function startPeer(
  entry: string,
  ...args: readonly string[]
): Promise<{ address: string; stop(): Promise<void> }> {
  const file = fileURLToPath(new URL(entry, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const [address] = (await once(createInterface(child.stdout), "line")) as [string];
  return {
    address,
    stop: async () => {
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    },
  };
}

/** Tells the bench where this peer listens, and ends this process when the bench has gone, however it went. */
export function ready(address: string): void {
  console.log(address);
  process.stdin.once("end", () => process.exit()).resume();
}
