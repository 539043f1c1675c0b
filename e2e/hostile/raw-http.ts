import { connect } from "node:net";

/**
 * Sends bytes to a server as they are, and reads until it closes or says nothing for a while.
 * @returns status of the first answer; undefined when the connection was closed without one
 */
export function rawHttp(url: string, bytes: string | Buffer, quietMs = 1_500): Promise<number | undefined> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    let heard = "";
    const done = () => {
      socket.destroy();
      const [, status] = /^HTTP\/1\.1 (\d{3})/.exec(heard) ?? [];
      resolve(status === undefined ? undefined : Number(status));
    };
    socket.setTimeout(quietMs, done);
    socket.on("data", (piece) => {
      heard += piece.toString("latin1");
      if (/\r\n\r\n/.test(heard)) done();
    });
    socket.on("error", done);
    socket.on("close", done);
    socket.on("connect", () => socket.write(bytes));
  });
}
