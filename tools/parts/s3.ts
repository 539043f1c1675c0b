import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { freePort } from "@cos/service-host/free-ports";
import { fetchUnder } from "@cos/tls";
import { type GoProgram, goProgram } from "./go-program.ts";
import type { Part } from "./part.ts";
import { type ServerProcess, serverProcess } from "./server-process.ts";
import type { ServerTls } from "./server-tls.ts";

/** MinIO's last community release, as the Go module proxy keeps it. */
const minio: GoProgram = {
  name: "minio",
  package: "github.com/minio/minio",
  version: "v0.0.0-20260212201848-7aac2a2c5b7c",
  otherwise: "install Go 1.24 or later, or name a store in COS_PARTS_S3=http://ACCESS:SECRET@host:port",
};

/** Versity's gateway: S3 over a folder, maintained, Apache-2.0. */
const versity: GoProgram = {
  name: "versitygw",
  package: "github.com/versity/versitygw/cmd/versitygw",
  version: "v1.8.0",
  otherwise: "install Go 1.25 or later, or name a store in COS_PARTS_S3_OTHER=http://ACCESS:SECRET@host:port",
};

export type S3Server = { readonly url: string; readonly version: string; readonly server: ServerProcess };

/** MinIO as `COS_PARTS_S3`: the store that this variable names, or a MinIO of our own. */
export const startS3 = (folder: string, cache: string): Promise<Part> =>
  partOf("S3 (MinIO)", "COS_PARTS_S3", () => runMinio(folder, cache));

/** A second S3 store, that is not MinIO, as `COS_PARTS_S3_OTHER`. */
export const startOtherS3 = (folder: string, cache: string): Promise<Part> =>
  partOf("S3 (versitygw)", "COS_PARTS_S3_OTHER", () => runVersity(folder, cache));

async function partOf(name: string, variable: string, run: () => Promise<S3Server>): Promise<Part> {
  const given = process.env[variable];
  if (given !== undefined) {
    return { name: "S3", version: "as given", env: { [variable]: given }, stop: async () => {} };
  }
  const { url, version, server } = await run();
  return { name, version, env: { [variable]: url }, stop: () => server.stop() };
}

/** The path of MinIO's program. */
export const minioProgram = (cache: string): Promise<string> => goProgram(minio, cache);

/** A MinIO of our own on a free port of the loopback, over one folder. */
export async function runMinio(folder: string, cache: string, tls?: ServerTls): Promise<S3Server> {
  const program = await minioProgram(cache);
  const { home, data, port, access, secret } = await place(folder, "minio");
  return run(minio, port, access, secret, {
    command: program,
    args: ["server", "--quiet", "--address", `127.0.0.1:${port}`, ...(await certificates(home, tls)), data],
    ...(tls ? { caFile: tls.caFile } : {}),
    env: { MINIO_ROOT_USER: access, MINIO_ROOT_PASSWORD: secret, MINIO_BROWSER: "off", MINIO_UPDATE: "off" },
    cwd: home,
    logFile: join(folder, "minio.log"),
    health: "/minio/health/ready",
  });
}

/** MinIO serves TLS, and nothing else, where its folder of certificates holds a pair. It asks no client for one. */
async function certificates(home: string, tls: ServerTls | undefined): Promise<string[]> {
  if (tls === undefined) return [];
  const folder = join(home, "certs");
  await mkdir(folder, { recursive: true });
  await copyFile(tls.certFile, join(folder, "public.crt"));
  await copyFile(tls.keyFile, join(folder, "private.key"));
  return ["--certs-dir", folder];
}

/** A versitygw of our own on a free port of the loopback, over one folder; attributes lie in a folder beside it. */
export async function runVersity(folder: string, cache: string): Promise<S3Server> {
  const program = await goProgram(versity, cache);
  const { home, data, port, access, secret } = await place(folder, "versitygw");
  const sidecar = join(home, "attributes");
  await mkdir(sidecar);
  const listen = ["--port", `127.0.0.1:${port}`, "--health", "/healthy", "--quiet", "--keep-alive"];
  return run(versity, port, access, secret, {
    command: program,
    args: [...listen, "posix", "--sidecar", sidecar, data],
    env: { ROOT_ACCESS_KEY_ID: access, ROOT_SECRET_ACCESS_KEY: secret },
    cwd: home,
    logFile: join(folder, "versitygw.log"),
    health: "/healthy",
  });
}

async function place(folder: string, name: string) {
  const home = resolve(folder, name);
  const data = join(home, "data");
  await mkdir(data, { recursive: true });
  return { home, data, port: await freePort(), access: "cos", secret: randomBytes(16).toString("hex") };
}

async function run(
  { name, version }: GoProgram,
  port: number,
  access: string,
  secret: string,
  {
    health,
    caFile,
    ...how
  }: { command: string; args: string[]; health: string; caFile?: string } & Record<
    "cwd" | "logFile",
    string
  > & {
      env: Record<string, string>;
    },
): Promise<S3Server> {
  const secure = caFile === undefined ? undefined : fetchUnder({ ca: await readFile(caFile) });
  const scheme = secure ? "https" : "http";
  const answers = async (): Promise<void> => {
    const signal = AbortSignal.timeout(2_000);
    const answer = await (secure?.fetch ?? fetch)(`${scheme}://127.0.0.1:${port}${health}`, { signal });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  };
  const server = serverProcess({ ...how, name, answers, stopSignal: "SIGTERM" });
  await server.start();
  return { url: `${scheme}://${access}:${secret}@127.0.0.1:${port}`, version, server };
}
