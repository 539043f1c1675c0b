import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CertifiedKey } from "./deployment-authority.ts";

/**
 * The authority of the certificates that an earlier preparation handed out, if every one of them is there, is of that one
 * authority, has its name, and has at least `leastMs` to go. Otherwise undefined: all are then made anew.
 *
 * @param holders folder to the alternative name of its certificate, as Node.js tells it: `DNS:kafka`
 * @returns PEM
 */
export async function keptAuthority(
  holders: ReadonlyMap<string, string>,
  leastMs: number,
  now = Date.now(),
): Promise<string | undefined> {
  try {
    const kept = await Promise.all([...holders].map(([folder, name]) => authorityOf(folder, name)));
    const [first] = kept;
    const good = kept.every(({ pem, endsAt }) => pem === first?.pem && endsAt - now >= leastMs);
    return good ? first?.pem : undefined;
  } catch {
    return undefined; // something is missing, or is no certificate
  }
}

async function authorityOf(folder: string, named: string): Promise<{ pem: string; endsAt: number }> {
  const [pem, cert, key] = await Promise.all(
    ["ca.crt", "tls.crt", "tls.key"].map((name) => readFile(join(folder, name), "utf8")),
  );
  const certificate = new X509Certificate(cert ?? "");
  const authority = new X509Certificate(pem ?? "");
  const isWhole =
    certificate.checkPrivateKey(createPrivateKey(key ?? "")) &&
    certificate.verify(authority.publicKey) &&
    certificate.subjectAltName === named;
  if (!isWhole) throw new Error("the certificate does not fit");
  return {
    pem: pem ?? "",
    endsAt: Math.min(Date.parse(certificate.validTo), Date.parse(authority.validTo)),
  };
}

/** `ca.crt`, `tls.crt` and `tls.key`. */
export async function putCertificate(
  folder: string,
  ca: string,
  { cert, key }: CertifiedKey,
  keyMode = 0o600,
): Promise<void> {
  await putFile(folder, "ca.crt", ca, 0o644);
  await putFile(folder, "tls.crt", cert, 0o644);
  await putFile(folder, "tls.key", key, keyMode);
}

/** At once: a service that reads while this writes sees the old or the new. */
export async function putFile(folder: string, name: string, text: string, mode = 0o600): Promise<void> {
  const file = join(folder, name);
  await writeFile(`${file}.part`, text, { mode });
  await rename(`${file}.part`, file);
}
