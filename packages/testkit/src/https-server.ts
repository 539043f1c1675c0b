import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";

export interface HttpsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** An https server of a test's own on the loopback. It keeps no connection: each request is a handshake of its own. */
export async function startHttpsServer(
  certificate: { cert: string; key: string },
  answer: RequestListener,
): Promise<HttpsServer> {
  const server = createServer(certificate, (request, response) => {
    response.setHeader("connection", "close");
    answer(request, response);
  });
  server.on("tlsClientError", () => {}); // Who does not believe it hangs up.
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
