import { type Certificates, CertificateWatch } from "@cos/tls";
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

/** Certificates as grpc-js asks for them. (Its own file watcher drops every connection while files are replaced.) */
export class CertificateFiles implements CertificateProvider {
  readonly #watch: CertificateWatch;
  readonly #caListeners = new Set<CaListener>();
  readonly #identityListeners = new Set<IdentityListener>();

  private constructor(watch: CertificateWatch) {
    this.#watch = watch;
    watch.onChange((changed) => {
      for (const listener of this.#identityListeners) listener(identityUpdate(changed));
      for (const listener of this.#caListeners) listener(caUpdate(changed));
    });
  }

  /** Throws when the files cannot be used now. */
  static async open(files: TlsFiles, refreshMs: number): Promise<CertificateFiles> {
    return new CertificateFiles(await CertificateWatch.open(files, refreshMs));
  }

  get current(): Certificates {
    return this.#watch.current;
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#caListeners.add(listener);
    process.nextTick(listener, caUpdate(this.current));
  }
  removeCaCertificateListener(listener: CaListener): void {
    this.#caListeners.delete(listener);
  }
  addIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.add(listener);
    process.nextTick(listener, identityUpdate(this.current));
  }
  removeIdentityCertificateListener(listener: IdentityListener): void {
    this.#identityListeners.delete(listener);
  }

  close(): void {
    this.#caListeners.clear();
    this.#identityListeners.clear();
    this.#watch.close();
  }
}

const caUpdate = ({ ca }: Certificates) => (ca === undefined ? null : { caCertificate: ca });

const identityUpdate = ({ cert, key }: Certificates) =>
  cert === undefined || key === undefined ? null : { certificate: cert, privateKey: key };
