import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Where the parts of a deployment answer, `host:port`, and whether under TLS only. */
export type PartHosts = {
  readonly postgres: string;
  readonly minio: string;
  readonly redis: string;
  readonly partTls: boolean;
};

/** Owner and group: a part's own process runs as another user of the group. */
const forGroup = 0o640;

/**
 * Passwords of the parts, made once, as the files that each part reads (`postgres/password`, `minio/user`,
 * `minio/password`, `redis/redis.conf`, `redis/password`, `grafana/password`), and in `operator/` the URLs that carry them.
 * @param folder holds a folder for each of these, which a deployment mounts where it is read and nowhere else
 */
export async function makePartSecrets(folder: string, hosts: PartHosts): Promise<void> {
  const secret = (part: string, name = "password") => keptSecret(join(folder, part), name);
  const postgres = await secret("postgres");
  const minio = await secret("minio");
  const redis = await secret("redis");
  await secret("grafana");
  await put(folder, "minio", "user", "cos", forGroup);
  const redisLines = [
    `requirepass ${redis}`,
    ...(hosts.partTls ? redisTls(hosts.redis) : []),
    'save ""',
    "appendonly no",
    "dir /tmp",
    "maxmemory 200mb",
    "maxmemory-policy volatile-lru",
  ];
  await put(folder, "redis", "redis.conf", redisLines.join("\n"), forGroup);
  await put(folder, "operator", "database.url", `postgres://cos:${postgres}@${hosts.postgres}/cos`);
  await put(
    folder,
    "operator",
    "object-store.url",
    `${hosts.partTls ? "https" : "http"}://cos:${minio}@${hosts.minio}/cos`,
  );
  await put(
    folder,
    "operator",
    "cache.url",
    `${hosts.partTls ? "rediss" : "redis"}://:${redis}@${hosts.redis}/0`,
  );
}

/** Of the files as the part sees them; nothing answers in the clear. */
const redisTls = (host: string): string[] => [
  "port 0",
  `tls-port ${host.slice(host.lastIndexOf(":") + 1)}`,
  "tls-cert-file /run/cos/own/tls.crt",
  "tls-key-file /run/cos/own/tls.key",
  "tls-ca-cert-file /run/cos/own/ca.crt",
  "tls-auth-clients no",
];

async function keptSecret(folder: string, name: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o750 });
  const file = join(folder, name);
  try {
    await writeFile(file, randomBytes(24).toString("hex"), { mode: forGroup, flag: "wx" });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
  }
  return (await readFile(file, "utf8")).trim();
}

async function put(folder: string, part: string, name: string, text: string, mode = 0o600): Promise<void> {
  await mkdir(join(folder, part), { recursive: true, mode: 0o750 });
  await writeFile(join(folder, part, name), `${text}\n`, { mode });
}
