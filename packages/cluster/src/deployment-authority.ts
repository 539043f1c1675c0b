import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as never);

const keyKind = { name: "ECDSA", namedCurve: "P-256" };
const signing = { name: "ECDSA", hash: "SHA-256" };
const dayMs = 86_400_000;
/** Clocks of the machines of one deployment differ by less. */
const skewMs = 3_600_000;

export type CertifiedKey = { readonly cert: string; readonly key: string };

/**
 * An authority that certifies the services of one deployment, `spiffe://cos/<service>`, or its parts by their hosts, and is
 * then forgotten: its key lives in this object only. Preparing again makes another authority and other certificates. PEM.
 */
export class DeploymentAuthority {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;
  readonly #ends: Date;

  private constructor(keys: webcrypto.CryptoKeyPair, certificate: x509.X509Certificate, ends: Date) {
    this.#keys = keys;
    this.#certificate = certificate;
    this.#ends = ends;
  }

  /** @param days that the authority and everything it certifies is good for */
  static async create(
    days: number,
    now = Date.now(),
    name = "CN=cos deployment",
  ): Promise<DeploymentAuthority> {
    const keys = await newKeys();
    const ends = new Date(now + days * dayMs);
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serial(),
      name,
      notBefore: new Date(now - skewMs),
      notAfter: ends,
      signingAlgorithm: signing,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new DeploymentAuthority(keys, certificate, ends);
  }

  get pem(): string {
    return this.#certificate.toString("pem");
  }

  /** A fresh key and its certificate. @param service as other services know it, such as `fhe-worker` */
  certify(service: string): Promise<CertifiedKey> {
    return this.#issue(service, { type: "url", value: `spiffe://cos/${service}` });
  }

  /** @param host a name or address, without a port */
  certifyHost(host: string): Promise<CertifiedKey> {
    return this.#issue(host, { type: isIP(host) === 0 ? "dns" : "ip", value: host });
  }

  async #issue(
    name: string,
    alternative: { readonly type: "url" | "dns" | "ip"; readonly value: string },
  ): Promise<CertifiedKey> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${name}`,
      issuer: this.#certificate.subject,
      notBefore: this.#certificate.notBefore,
      notAfter: this.#ends,
      signingAlgorithm: signing,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [new x509.SubjectAlternativeNameExtension([alternative])],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
    return { cert: certificate.toString("pem"), key: x509.PemConverter.encode(key, "PRIVATE KEY") };
  }
}

const newKeys = async (): Promise<webcrypto.CryptoKeyPair> =>
  (await webcrypto.subtle.generateKey(keyKind, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;

/** Positive, 127 random bits. */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString("hex");
}
