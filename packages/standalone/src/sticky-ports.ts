import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { freePort } from "@cos/service-host/free-ports";

const names = ["gateway", "gatewayHttp", "access", "orchestrator", "settlement", "objects", "chain"] as const;
export type PortName = (typeof names)[number];
export type Ports = Readonly<Record<PortName, number>>;

/**
 * Ports of a platform: those asked for, else those that it had last time, else free ones. Keeping them keeps platform
 * files and tickets' audiences valid over a restart.
 */
export async function stickyPorts(dataDir: string, wanted: Partial<Ports>): Promise<Ports> {
  const file = join(dataDir, "ports.json");
  const last = await readLast(file);
  const taken = new Set<number>();
  const chosen: Partial<Record<PortName, number>> = {};
  for (const name of names) {
    const asked = wanted[name] ?? 0;
    const before = last[name] ?? 0;
    const reuse = before !== 0 && (name === "chain" || (await isFree(before)));
    const port = asked !== 0 ? asked : reuse ? before : await freshPort(taken);
    taken.add(port);
    chosen[name] = port;
  }
  await writeFile(file, `${JSON.stringify(chosen)}\n`, { mode: 0o600 });
  return chosen as Ports;
}

async function readLast(file: string): Promise<Partial<Ports>> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Partial<Ports>;
  } catch {
    return {};
  }
}

async function freshPort(taken: ReadonlySet<number>): Promise<number> {
  for (;;) {
    const port = await freePort();
    if (!taken.has(port)) return port;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
