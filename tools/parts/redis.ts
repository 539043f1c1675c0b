import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join, resolve } from "node:path";
import { connect as connectTls } from "node:tls";
import { freePort } from "@cos/service-host/free-ports";
import type { Part } from "./part.ts";
import { findProgram, runCommand } from "./run-command.ts";
import { type ServerProcess, serverProcess } from "./server-process.ts";
import type { ServerTls } from "./server-tls.ts";
import { PartUnavailable } from "./unavailable.ts";

export type RedisServer = { readonly url: string; readonly version: string; readonly server: ServerProcess };

/** Redis as `COS_PARTS_REDIS`: the one that this variable names, or one of our own. */
export async function startRedis(folder: string, cache: string): Promise<Part> {
  const given = process.env.COS_PARTS_REDIS;
  if (given !== undefined) {
    return { name: "Redis", version: "as given", env: { COS_PARTS_REDIS: given }, stop: async () => {} };
  }
  const { url, version, server } = await runRedis(folder, cache);
  return { name: "Redis", version, env: { COS_PARTS_REDIS: url }, stop: () => server.stop() };
}

/**
 * A Redis of our own on a free port of the loopback, that keeps nothing on disk: what lies in it may be lost at any
 * moment, and nothing depends on it. Under TLS it asks for a password, and does not serve the clear. From the installed program or Debian's package, unpacked into the cache.
 */
export async function runRedis(folder: string, cache: string, tls?: ServerTls): Promise<RedisServer> {
  const home = resolve(folder, "redis");
  await mkdir(home, { recursive: true });
  const installed = await findProgram(["redis-server", "valkey-server"]);
  const { program, env } = installed ? { program: installed, env: {} } : await debianProgram(cache);
  const port = await freePort();
  const password = tls && randomBytes(16).toString("hex");
  const settings = {
    port: tls ? "0" : String(port),
    bind: "127.0.0.1",
    save: "",
    appendonly: "no",
    dir: home,
    ...(tls && { ...tlsSettings(tls, port), requirepass: password ?? "" }),
  };
  const server = serverProcess({
    name: "redis",
    command: program,
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    env,
    cwd: home,
    logFile: join(folder, "redis.log"),
    stopSignal: "SIGTERM",
    answers: () => ping(port, tls),
  });
  await server.start();
  // Redis server v=7.0.15 sha=... | Valkey server v=8.0.1 sha=...
  const version = / v=(\S+)/.exec(await runCommand(program, ["--version"], { env }))?.[1] ?? "unknown";
  const url = tls ? `rediss://:${password}@127.0.0.1:${port}/0` : `redis://127.0.0.1:${port}`;
  return { url, version, server };
}

/** The program and the libraries that it needs and that a small system lacks. */
const packages = ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1"];

async function debianProgram(cache: string): Promise<{ program: string; env: Record<string, string> }> {
  const root = join(cache, "redis-debian");
  if ((await readdir(root).catch(() => [])).length === 0) await unpackDebian(cache, root);
  const lib = join(root, "usr", "lib");
  const machine = (await readdir(lib)).filter((name) => name.endsWith("-linux-gnu"));
  return {
    program: join(root, "usr", "bin", "redis-server"),
    env: { LD_LIBRARY_PATH: machine.map((name) => join(lib, name)).join(":") },
  };
}

async function unpackDebian(cache: string, root: string): Promise<void> {
  if (!(await findProgram(["apt-get"])) || !(await findProgram(["dpkg"]))) {
    throw new PartUnavailable(
      "no redis-server on the path, and no apt-get to fetch it with: install Redis 7 or later",
    );
  }
  const download = await mkdtemp(join(cache, "redis-download-"));
  const fresh = join(download, "root");
  try {
    await mkdir(fresh);
    // As root apt would hand the work to a user of its own, who may not write here.
    const sandbox = ["-o", "APT::Sandbox::User=root"];
    await runCommand("apt-get", [...sandbox, "download", ...packages], { cwd: download });
    for (const file of (await readdir(download)).filter((name) => name.endsWith(".deb"))) {
      await runCommand("dpkg", ["-x", join(download, file), fresh]);
    }
    await rm(root, { recursive: true, force: true });
    await rename(fresh, root);
  } finally {
    await rm(download, { recursive: true, force: true });
  }
}

const tlsSettings = ({ certFile, keyFile, caFile, mutual }: ServerTls, port: number) => ({
  "tls-port": String(port),
  "tls-cert-file": certFile,
  "tls-key-file": keyFile,
  "tls-ca-cert-file": caFile,
  "tls-auth-clients": mutual ? "yes" : "no",
});

/** Resolves when the server says PONG, or wants a password first; throws otherwise. */
async function ping(port: number, tls?: ServerTls): Promise<void> {
  const secure = tls && {
    ca: await readFile(tls.caFile),
    ...(tls.mutual && { cert: await readFile(tls.mutual.certFile), key: await readFile(tls.mutual.keyFile) }),
  };
  return new Promise((done, fail) => {
    const at = { port, host: "127.0.0.1", timeout: 2_000 };
    const ask = () => socket.write("PING\r\n");
    const socket: Socket = secure ? connectTls({ ...at, ...secure }, ask) : connect(at, ask);
    const end = (error?: Error) => {
      socket.destroy();
      error === undefined ? done() : fail(error);
    };
    socket.once("data", (answer) =>
      end(/^(\+PONG|-NOAUTH)/.test(answer.toString()) ? undefined : new Error(answer.toString())),
    );
    socket.once("timeout", () => end(new Error("timeout")));
    socket.once("close", () => fail(new Error("closed")));
    socket.once("error", end);
  });
}
