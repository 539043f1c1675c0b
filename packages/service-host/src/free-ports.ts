import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/**
 * Where ports are looked for: below those that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere),
 * so that a port is still free a moment later, and again when its process restarts.
 */
const lowest = 15_000;
const highest = 32_000;

/** Ports of this machine's loopback that nobody listened on a moment ago, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(lowest, highest);
    const server = await listening(port);
    if (server === undefined) continue;
    held.push(server);
    ports.push(port);
  }
  await Promise.all(held.map((server) => once(server.close(), "close")));
  return ports;
}

/** One such port. */
export const freePort = async (): Promise<number> => (await freePorts(1))[0] as number;

/** Undefined where somebody else listens on it. */
async function listening(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return server;
  } catch {
    return undefined;
  }
}
