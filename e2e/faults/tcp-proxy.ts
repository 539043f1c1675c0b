import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a part that can be cut and slowed. What passes is bytes, so it serves any protocol. */
export interface TcpProxy {
  readonly port: number;
  /** Breaks every open connection (a reset, as of a crashed middlebox). Answers how many there were. */
  cut(): number;
  /** While true, new connections are refused. */
  refuse(refusing: boolean): void;
  /** Milliseconds that each chunk is held back. */
  delay(ms: number): void;
  close(): Promise<void>;
}

export async function startTcpProxy(target: { host: string; port: number }): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let refusing = false;
  let delayMs = 0;
  const server = createServer((near) => {
    if (refusing) return void near.resetAndDestroy();
    const far = connect(target.port, target.host);
    const pair = [near, far] as const;
    for (const socket of pair) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        for (const each of pair) each.destroy();
      });
    }
    relay(near, far, () => delayMs);
    relay(far, near, () => delayMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => {
      const open = sockets.size / 2;
      for (const socket of sockets) socket.resetAndDestroy();
      return Math.ceil(open);
    },
    refuse: (on) => {
      refusing = on;
    },
    delay: (ms) => {
      delayMs = ms;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Copies bytes in order, each chunk held back by what the delay was when it came. */
function relay(from: Socket, to: Socket, delayMs: () => number): void {
  let last = Promise.resolve();
  from.on("data", (chunk) => {
    const ms = delayMs();
    from.pause();
    last = last
      .then(() => (ms === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, ms))))
      .then(
        () =>
          new Promise<void>((resolve) => {
            if (to.destroyed || !to.writable) resolve();
            else to.write(chunk, () => resolve());
          }),
      )
      .then(() => void from.resume());
  });
  from.on("end", () => void last.then(() => to.end()));
}
