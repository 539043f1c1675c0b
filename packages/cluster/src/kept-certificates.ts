import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * The authority of the certificates that an earlier preparation handed out, if every one of them is there, is of that one
 * authority, names its service, and has at least `leastMs` to go. Otherwise undefined: all are then made anew.
 *
 * @param holders folder to the service that its certificate must name
 * @returns PEM
 */
export async function keptAuthority(
  holders: ReadonlyMap<string, string>,
  leastMs: number,
  now = Date.now(),
): Promise<string | undefined> {
  try {
    const kept = await Promise.all([...holders].map(([folder, service]) => authorityOf(folder, service)));
    const [first] = kept;
    const good = kept.every(({ pem, endsAt }) => pem === first?.pem && endsAt - now >= leastMs);
    return good ? first?.pem : undefined;
  } catch {
    return undefined; // something is missing, or is no certificate
  }
}

async function authorityOf(folder: string, service: string): Promise<{ pem: string; endsAt: number }> {
  const [pem, cert, key] = await Promise.all(
    ["ca.crt", "tls.crt", "tls.key"].map((name) => readFile(join(folder, name), "utf8")),
  );
  const certificate = new X509Certificate(cert ?? "");
  const authority = new X509Certificate(pem ?? "");
  const isWhole =
    certificate.checkPrivateKey(createPrivateKey(key ?? "")) &&
    certificate.verify(authority.publicKey) &&
    certificate.subjectAltName === `URI:spiffe://cos/${service}`;
  if (!isWhole) throw new Error("the certificate does not fit");
  return {
    pem: pem ?? "",
    endsAt: Math.min(Date.parse(certificate.validTo), Date.parse(authority.validTo)),
  };
}
