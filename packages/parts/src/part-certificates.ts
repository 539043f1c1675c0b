import { CertificateWatch, type TlsMaterial, TlsSettingError } from "@cos/tls";
import type { PartConfig } from "./part-settings.ts";
import type { Unwinder } from "./unwinder.ts";

/** A part that is reached over a network. */
export type TlsPart = "database" | "brokers" | "objectStore" | "cache";

/**
 * The certificates of one part's wire, read again while the process runs; undefined where no setting names a file.
 * @throws TlsSettingError when a file cannot be read, holds no certificate, or a certificate lacks its key
 */
export async function partCertificates(
  part: TlsPart,
  config: Partial<PartConfig>,
  ends: Unwinder,
): Promise<TlsMaterial | undefined> {
  const [caFile, certFile, keyFile] = (["Ca", "Cert", "Key"] as const).map(
    (kind) => config[`${part}${kind}File`],
  );
  if (caFile === undefined && certFile === undefined && keyFile === undefined) return undefined;
  const watch = await CertificateWatch.open({ caFile, certFile, keyFile }).catch((cause: Error) => {
    throw new TlsSettingError(words[part], `the certificates cannot be used: ${cause.message}`, { cause });
  });
  ends.add(async () => watch.close());
  return watch;
}

const words = {
  database: "the database (COS_DATABASE_CA_FILE, _CERT_FILE, _KEY_FILE)",
  brokers: "the brokers (COS_BROKERS_CA_FILE, _CERT_FILE, _KEY_FILE)",
  objectStore: "the object store (COS_OBJECT_STORE_CA_FILE, _CERT_FILE, _KEY_FILE)",
  cache: "the cache (COS_CACHE_CA_FILE, _CERT_FILE, _KEY_FILE)",
} as const;
