import https from "node:https";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect } from "node:tls";
import { clientTlsOptions, type TlsMaterial } from "./tls-material.ts";

/** `node:https` connections that show and believe what the material says when they are opened. */
export class CertifiedAgent extends https.Agent {
  readonly #tls: TlsMaterial;
  constructor(tls: TlsMaterial, options: https.AgentOptions) {
    super({ ...options, maxCachedSessions: 0 }); // a resumed session would not be checked against a new authority
    this.#tls = tls;
  }

  override createConnection(options: https.RequestOptions): Duplex {
    const { ca, cert, key, ...rest } = clientTlsOptions(this.#tls);
    return connect({ ...options, ...rest, ca, cert, key } as ConnectionOptions);
  }
}
