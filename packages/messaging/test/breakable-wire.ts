import { AsyncLocalStorage } from "node:async_hooks";
import { syncBuiltinESMExports } from "node:module";
import net, { type Socket } from "node:net";
import type { MessageLog } from "../src/index.ts";

type Wire = { whole: boolean; readonly sockets: Set<Socket> };

/** Whose connections are being made. */
const wires = new AsyncLocalStorage<Wire>();

const { createConnection } = net;
net.createConnection = ((...args: Parameters<typeof createConnection>) => {
  const socket = createConnection(...args);
  const wire = wires.getStore();
  if (!wire) return socket;
  wire.sockets.add(socket);
  socket.once("close", () => wire.sockets.delete(socket));
  if (!wire.whole) socket.destroy(new Error("cut"));
  return socket;
}) as typeof createConnection;
syncBuiltinESMExports();

/**
 * A log whose connections can be cut all at once, as when its process dies or loses its network: the brokers learn
 * nothing but the end of the heartbeats. `mend` lets it connect again.
 */
export async function onBreakableWire(
  open: () => Promise<MessageLog>,
): Promise<{ readonly log: MessageLog; cut(): void; mend(): void }> {
  const wire: Wire = { whole: true, sockets: new Set() };
  const log = await wires.run(wire, open);
  return {
    log: {
      declare: (topic) => wires.run(wire, () => log.declare(topic)),
      publish: (messages) => wires.run(wire, () => log.publish(messages)),
      subscribe: (options) => wires.run(wire, () => log.subscribe(options)),
      lag: (group, topic) => wires.run(wire, () => log.lag(group, topic)),
      keptSeconds: (topic) => wires.run(wire, () => log.keptSeconds(topic)),
      ping: () => wires.run(wire, () => log.ping()),
      close: () => wires.run(wire, () => log.close()),
    },
    cut: () => {
      wire.whole = false;
      for (const socket of wire.sockets) socket.destroy(new Error("cut"));
    },
    mend: () => {
      wire.whole = true;
    },
  };
}
