import { randomBytes, X509Certificate } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { DeploymentAuthority } from "./deployment-authority.ts";
import { keptAuthority, putCertificate, putFile } from "./kept-certificates.ts";
import type { PrepareConfig } from "./prepare-settings.ts";

/** Who certified the parts, in the folders of those who connect to them. */
export const partsAuthorityFile = "parts-ca.crt";

/** Owner and group: a part's own process runs as another user of the group. */
const forGroup = 0o640;
const dayMs = 86_400_000;

/**
 * Certificates of the parts by their hosts, as the files that each part reads: `ca.crt`, `tls.crt`, `tls.key` in its folder,
 * for Kafka `broker.pem` (key and certificate), for MinIO `certs/public.crt` and `certs/private.key`; and
 * `operator/parts-ca.crt` for those who connect. Those that have a third of their time to go stay. A part reads them when it
 * starts: until then it shows those from before, so that those who connect are told the authority before as well.
 */
export async function makePartCertificates(config: PrepareConfig, now = Date.now()): Promise<void> {
  const { folder, certificateDays } = config;
  const parts = ["kafka", "postgres", "minio", "redis"] as const;
  const hostOf = (part: (typeof parts)[number]) => config[part].replace(/:\d+$/, "");
  for (const part of parts) await mkdir(join(folder, part), { recursive: true, mode: 0o750 });
  const names = parts.map((part) => [join(folder, part), nameOf(hostOf(part))] as const);
  let authority = await keptAuthority(new Map(names), (certificateDays * dayMs) / 3, now);
  if (authority === undefined) {
    // Two authorities of one name would be taken for each other where both are told.
    const name = `CN=cos parts ${randomBytes(8).toString("hex")}`;
    const fresh = await DeploymentAuthority.create(certificateDays, now, name);
    for (const part of parts) {
      await putCertificate(join(folder, part), fresh.pem, await fresh.certifyHost(hostOf(part)), forGroup);
    }
    authority = fresh.pem;
  }
  await tellOfAuthority(folder, authority, now);
  const text = (part: string, name: string) => readFile(join(folder, part, name), "utf8");
  const broker = `${await text("kafka", "tls.key")}\n${await text("kafka", "tls.crt")}`;
  await putFile(join(folder, "kafka"), "broker.pem", broker, forGroup);
  const certs = join(folder, "minio", "certs");
  await mkdir(certs, { recursive: true, mode: 0o750 });
  await putFile(certs, "public.crt", await text("minio", "tls.crt"), 0o644);
  await putFile(certs, "private.key", await text("minio", "tls.key"), forGroup);
}

/** The authority, and after it the one before while its certificates are good. */
async function tellOfAuthority(folder: string, authority: string, now: number): Promise<void> {
  const operator = join(folder, "operator");
  await mkdir(operator, { recursive: true, mode: 0o750 });
  const told = await readFile(join(operator, partsAuthorityFile), "utf8").catch(() => "");
  if (told.includes(authority.trim())) return;
  const [before = ""] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(told) ?? [];
  const isGood = before !== "" && Date.parse(new X509Certificate(before).validTo) > now;
  await putFile(operator, partsAuthorityFile, isGood ? `${authority}\n${before}\n` : authority, 0o644);
}

const nameOf = (host: string): string => (isIP(host) === 0 ? `DNS:${host}` : `IP Address:${host}`);
