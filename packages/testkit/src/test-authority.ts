import "reflect-metadata";
import { webcrypto } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto as never);

const keyKind = { name: "ECDSA", namedCurve: "P-256" };
const signing = { name: "ECDSA", hash: "SHA-256" };
const dayMs = 86_400_000;

/** An authority of a test's own, and the certificates that it signs. Nothing is kept but PEM. */
export class TestAuthority {
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;
  #serial = 1;

  private constructor(keys: webcrypto.CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys;
    this.#certificate = certificate;
  }

  static async create(name = "CN=test authority"): Promise<TestAuthority> {
    const keys = (await webcrypto.subtle.generateKey(keyKind, true, [
      "sign",
      "verify",
    ])) as webcrypto.CryptoKeyPair;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name,
      notBefore: new Date(Date.now() - 30 * dayMs),
      notAfter: new Date(Date.now() + 30 * dayMs),
      signingAlgorithm: signing,
      keys,
      extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
    });
    return new TestAuthority(keys, certificate);
  }

  get pem(): string {
    return this.#certificate.toString("pem");
  }

  /** @param names SANs such as `url:spiffe://cos/gateway`, `dns:gateway.cos.internal` or `ip:127.0.0.1`; days from now, may be past */
  async issue(
    names: readonly string[],
    { fromDays = -20, toDays = 1 } = {},
  ): Promise<{ cert: string; key: string }> {
    const keys = (await webcrypto.subtle.generateKey(keyKind, true, [
      "sign",
      "verify",
    ])) as webcrypto.CryptoKeyPair;
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: (++this.#serial).toString(16).padStart(4, "0"),
      subject: "CN=test",
      issuer: this.#certificate.subject,
      notBefore: new Date(Date.now() + fromDays * dayMs),
      notAfter: new Date(Date.now() + toDays * dayMs),
      signingAlgorithm: signing,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.SubjectAlternativeNameExtension(
          names.map((name) => {
            const [type = "", ...rest] = name.split(":");
            return { type: type as "url" | "dns" | "ip", value: rest.join(":") };
          }),
        ),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
    return { cert: certificate.toString("pem"), key: x509.PemConverter.encode(key, "PRIVATE KEY") };
  }

  /** Files `NAME.crt`, `NAME.key` and `NAME-ca.crt` in a folder. */
  async files(
    folder: string,
    name: string,
    sans: readonly string[] = [`url:spiffe://cos/${name}`],
    days: { fromDays?: number; toDays?: number } = {},
  ) {
    const at = (suffix: string) => join(folder, `${name}${suffix}`);
    const paths = { certFile: at(".crt"), keyFile: at(".key"), caFile: at("-ca.crt") };
    const { cert, key } = await this.issue(sans, days);
    await writeFile(paths.certFile, cert);
    await writeFile(paths.keyFile, key, { mode: 0o600 });
    await writeFile(paths.caFile, this.pem);
    return paths;
  }
}
