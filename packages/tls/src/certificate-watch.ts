import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { TlsMaterial } from "./tls-material.ts";

/** PEM files. `certFile` and `keyFile` are named together or not at all. */
export interface PemFiles {
  /** Authorities whose certificates are believed. */
  readonly caFile?: string | undefined;
  /** This side's certificate, then those up to the authority. */
  readonly certFile?: string | undefined;
  /** The certificate's key. */
  readonly keyFile?: string | undefined;
}

export interface Certificates {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

const defaultRefreshMs = 10_000;

/**
 * Certificates from files, which may be replaced while the process runs. New ones count once they fit together: while a
 * rotation has replaced one of two files, or a file cannot be read, the last good ones stay.
 */
export class CertificateWatch implements TlsMaterial {
  readonly #files: PemFiles;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<(certificates: Certificates) => void>();
  #current: Certificates;

  private constructor(files: PemFiles, current: Certificates, refreshMs: number) {
    this.#files = files;
    this.#current = current;
    this.#timer = setInterval(() => void this.#refresh(), refreshMs).unref();
  }

  /** @throws when the files cannot be used now */
  static async open(files: PemFiles, refreshMs = defaultRefreshMs): Promise<CertificateWatch> {
    return new CertificateWatch(files, await readFiles(files), refreshMs);
  }

  get current(): Certificates {
    return this.#current;
  }
  get ca(): Buffer | undefined {
    return this.#current.ca;
  }
  get cert(): Buffer | undefined {
    return this.#current.cert;
  }
  get key(): Buffer | undefined {
    return this.#current.key;
  }

  /** Calls back after each change. Returns how to stop. */
  onChange(listener: (certificates: Certificates) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#listeners.clear();
  }

  async #refresh(): Promise<void> {
    const read = await readFiles(this.#files).catch(() => undefined);
    if (read === undefined || sameBytes(read, this.#current)) return;
    this.#current = read;
    for (const listener of this.#listeners) listener(read);
  }
}

async function readFiles({ caFile, certFile, keyFile }: PemFiles): Promise<Certificates> {
  const ca = caFile === undefined ? {} : { ca: await readFile(caFile) };
  if (ca.ca !== undefined) new X509Certificate(ca.ca); // Throws unless there is a certificate in it.
  if (certFile === undefined && keyFile === undefined) return ca;
  if (certFile === undefined || keyFile === undefined) {
    throw new Error("a TLS certificate and its key are named together or not at all");
  }
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error("the TLS key is not the certificate's");
  }
  return { ...ca, cert, key };
}

const sameBytes = (one: Certificates, other: Certificates): boolean =>
  (["ca", "cert", "key"] as const).every(
    (part) => Buffer.compare(one[part] ?? Buffer.alloc(0), other[part] ?? Buffer.alloc(0)) === 0,
  );
