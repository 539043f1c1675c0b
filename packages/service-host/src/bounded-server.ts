import { createServer, type RequestListener, type Server } from "node:http";
import { ExpressAdapter } from "@nestjs/platform-express";

export interface HttpLimits {
  /** Request line and headers must have arrived. */
  readonly headersMs: number;
  /** Below this many bytes a second over `paceMs`, a request that is still sending is cut off. */
  readonly minBytesPerSecond: number;
  readonly paceMs: number;
  /** An idle connection is kept this long for a next request. */
  readonly keepAliveMs: number;
  /** Size of request line and headers together. */
  readonly maxHeaderBytes: number;
  readonly maxConnections: number;
}

export const defaultHttpLimits: HttpLimits = {
  headersMs: 10_000,
  minBytesPerSecond: 1_024,
  paceMs: 15_000,
  keepAliveMs: 30_000,
  maxHeaderBytes: 16 * 1024,
  maxConnections: 4_096,
};

/**
 * Express on a server that slow and greedy peers cannot hold: headers in bounded time and size, bodies at a least pace (a
 * total time would cut off honest large uploads), a bounded number of connections.
 */
export class BoundedExpress extends ExpressAdapter {
  readonly #limits: HttpLimits;
  constructor(limits: HttpLimits) {
    super();
    this.#limits = limits;
  }

  override initHttpServer(): void {
    const { headersMs, keepAliveMs, maxHeaderBytes, maxConnections, paceMs, minBytesPerSecond } =
      this.#limits;
    const app = this.getInstance<RequestListener>();
    const server: Server = createServer(
      {
        headersTimeout: headersMs,
        requestTimeout: 0,
        keepAliveTimeout: keepAliveMs,
        maxHeaderSize: maxHeaderBytes,
        connectionsCheckingInterval: Math.min(headersMs, 5_000),
      },
      (request, response) => {
        const { socket } = request;
        let seen = socket.bytesRead;
        const pace = setInterval(() => {
          if (request.complete) return clearInterval(pace);
          const arrived = socket.bytesRead - seen;
          seen = socket.bytesRead;
          // Bytes that wait to be read are this side's delay, not the caller's.
          if (request.readableLength === 0 && arrived < (minBytesPerSecond * paceMs) / 1_000)
            request.destroy();
        }, paceMs).unref();
        response.once("close", () => clearInterval(pace));
        app(request, response);
      },
    );
    server.maxConnections = maxConnections;
    server.maxHeadersCount = 100;
    this.setHttpServer(server);
  }
}
