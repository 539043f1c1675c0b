import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** One address for the processes of a service, as a Kubernetes Service is: each connection goes to the next of them. */
export interface ServiceWay {
  readonly address: string;
  /** Connections that come from now on go to these, in turn; those that are open stay. */
  to(...ports: readonly number[]): void;
  close(): Promise<void>;
}

export async function openServiceWay(): Promise<ServiceWay> {
  let targets: readonly number[] = [];
  let turn = 0;
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const target = targets[turn++ % Math.max(1, targets.length)];
    if (target === undefined) return void near.destroy();
    const far = connect(target, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.setNoDelay(true);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    to: (...ports) => {
      targets = ports;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
