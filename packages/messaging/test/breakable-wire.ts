import { createConnection, type Socket } from "node:net";

/** Connections that a test can cut all at once, as when a process dies or its network does. */
export type BreakableWire = {
  readonly connect: (place: { readonly host: string; readonly port: number }) => Socket;
  /** Ends every connection without a word, and refuses new ones. */
  cut(): void;
  mend(): void;
};

export function breakableWire(): BreakableWire {
  const sockets = new Set<Socket>();
  let whole = true;
  return {
    connect: ({ host, port }) => {
      const socket = createConnection({ host, port });
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      if (!whole) socket.destroy(new Error("cut"));
      return socket;
    },
    cut: () => {
      whole = false;
      for (const socket of sockets) socket.destroy(new Error("cut"));
    },
    mend: () => {
      whole = true;
    },
  };
}
