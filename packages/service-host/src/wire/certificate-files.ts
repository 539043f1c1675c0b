import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { experimental } from "@grpc/grpc-js";

type CertificateProvider = experimental.CertificateProvider;
type CaListener = Parameters<CertificateProvider["addCaCertificateListener"]>[0];
type IdentityListener = Parameters<CertificateProvider["addIdentityCertificateListener"]>[0];

export interface TlsFiles {
  /** PEM: authorities whose certificates are believed. */
  readonly caFile: string;
  /** PEM: this process's certificate, then those up to the authority. Without one it is nobody to others. */
  readonly certFile?: string | undefined;
  /** PEM: the certificate's key. */
  readonly keyFile?: string | undefined;
}

export interface Certificates {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * Certificates from files, read again while somebody listens. New ones count once they fit together: while a rotation has
 * replaced one of two files, or a file cannot be read, the last good ones stay. (grpc-js's own file watcher drops
 * every connection then.)
 */
export class CertificateFiles implements CertificateProvider {
  readonly #files: TlsFiles;
  readonly #refreshMs: number;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();
  #current: Certificates;
  #timer: NodeJS.Timeout | undefined;

  private constructor(files: TlsFiles, refreshMs: number, current: Certificates) {
    this.#files = files;
    this.#refreshMs = refreshMs;
    this.#current = current;
  }

  /** Throws when the files cannot be used now. */
  static async open(files: TlsFiles, refreshMs: number): Promise<CertificateFiles> {
    return new CertificateFiles(files, refreshMs, await readFiles(files));
  }

  get current(): Certificates {
    return this.#current;
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    this.#watch();
    process.nextTick(listener, { caCertificate: this.#current.ca });
  }
  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
    this.#watch();
  }
  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    this.#watch();
    process.nextTick(listener, identityUpdate(this.#current));
  }
  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
    this.#watch();
  }

  close(): void {
    this.#caListeners.clear();
    this.#identityListeners.clear();
    this.#watch();
  }

  #watch(): void {
    const wanted = this.#caListeners.size + this.#identityListeners.size > 0;
    if (wanted && this.#timer === undefined) {
      this.#timer = setInterval(() => void this.#refresh(), this.#refreshMs).unref();
    } else if (!wanted) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    }
  }

  async #refresh(): Promise<void> {
    const read = await readFiles(this.#files).catch(() => undefined);
    if (read === undefined || sameBytes(read, this.#current)) return;
    this.#current = read;
    for (const listener of this.#identityListeners) listener(identityUpdate(read));
    for (const listener of this.#caListeners) listener({ caCertificate: read.ca });
  }
}

async function readFiles({ caFile, certFile, keyFile }: TlsFiles): Promise<Certificates> {
  const ca = await readFile(caFile);
  new X509Certificate(ca); // Throws unless there is a certificate in it.
  if (certFile === undefined || keyFile === undefined) return { ca };
  const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
  if (!new X509Certificate(cert).checkPrivateKey(createPrivateKey(key))) {
    throw new Error("the TLS key is not the certificate's");
  }
  return { ca, cert, key };
}

const identityUpdate = ({ cert, key }: Certificates) =>
  cert === undefined || key === undefined ? null : { certificate: cert, privateKey: key };

const sameBytes = (one: Certificates, other: Certificates): boolean =>
  (["ca", "cert", "key"] as const).every(
    (part) => Buffer.compare(one[part] ?? Buffer.alloc(0), other[part] ?? Buffer.alloc(0)) === 0,
  );
