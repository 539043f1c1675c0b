/** PEM files of a part of ours that speaks TLS and nothing else. */
export type ServerTls = {
  readonly certFile: string;
  readonly keyFile: string;
  /** Who certifies clients, and this server for its own health checks. */
  readonly caFile: string;
  /** Clients must show a certificate of that authority. */
  readonly mutual?: { readonly certFile: string; readonly keyFile: string };
};
