/**
 * What one side of TLS shows and believes, PEM. Read anew for each connection: files may have been replaced meanwhile.
 * Without `ca` the public authorities are believed; `cert` and `key` are for mutual TLS.
 */
export interface TlsMaterial {
  readonly ca?: string | Buffer | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
}

/**
 * Node's options for a connection whose server must be certified, whatever the environment says. The properties ask the
 * material each time they are read.
 */
export function clientTlsOptions(material: TlsMaterial) {
  return {
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    get ca() {
      return material.ca;
    },
    get cert() {
      return material.cert;
    },
    get key() {
      return material.key;
    },
  } as const;
}
