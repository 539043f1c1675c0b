import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { Certificates, CertificateWatch } from "@cos/tls";
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
 * total time would cut off honest large uploads), a bounded number of connections. Under TLS where a certificate is
 * given; a new one counts for connections that begin after it.
 */
export class BoundedExpress extends ExpressAdapter {
  readonly #limits: HttpLimits;
  readonly #tls: CertificateWatch | undefined;
  #stopWatching: (() => void) | undefined;
  constructor(limits: HttpLimits, tls?: CertificateWatch) {
    super();
    this.#limits = limits;
    this.#tls = tls;
  }

  override async close(): Promise<void> {
    this.#stopWatching?.();
    await super.close();
  }

  override initHttpServer(): void {
    const { headersMs, keepAliveMs, maxHeaderBytes, maxConnections, paceMs, minBytesPerSecond } =
      this.#limits;
    const app = this.getInstance<RequestListener>();
    const options = {
      headersTimeout: headersMs,
      requestTimeout: 0,
      keepAliveTimeout: keepAliveMs,
      maxHeaderSize: maxHeaderBytes,
      connectionsCheckingInterval: Math.min(headersMs, 5_000),
    };
    const paced: RequestListener = (request, response) => {
      const { socket } = request;
      let seen = socket.bytesRead;
      const pace = setInterval(() => {
        if (request.complete) return clearInterval(pace);
        const arrived = socket.bytesRead - seen;
        seen = socket.bytesRead;
        // Bytes that wait to be read are this side's delay, not the caller's.
        if (request.readableLength === 0 && arrived < (minBytesPerSecond * paceMs) / 1_000) request.destroy();
      }, paceMs).unref();
      response.once("close", () => clearInterval(pace));
      app(request, response);
    };
    const server = this.#serverOf(options, paced);
    server.maxConnections = maxConnections;
    server.maxHeadersCount = 100;
    this.setHttpServer(server);
  }

  #serverOf(options: ServerOptions, listener: RequestListener): Server {
    const tls = this.#tls;
    if (tls === undefined) return createServer(options, listener);
    const shown = ({ cert, key }: Certificates) => ({ cert, key, minVersion: "TLSv1.2" as const });
    const handshakeTimeout = this.#limits.headersMs;
    const server = createSecureServer({ ...options, ...shown(tls.current), handshakeTimeout }, listener);
    this.#stopWatching = tls.onChange((changed) => server.setSecureContext(shown(changed)));
    return server;
  }
}
