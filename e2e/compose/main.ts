/**
 * `npm run compose:check`: the stack of docker-compose.yml is valid, its images build, it comes up, `cos doctor` finds
 * nothing wrong, jobs run through it in both regions with right results, and it goes down again. A project and ports of
 * its own, so that a stack that runs is left alone. `--keep` leaves it up.
 */
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Compose, haveImage } from "../../tools/compose/docker.ts";
import { freePorts } from "../../tools/parts/free-ports.ts";
import { runCommand } from "../../tools/parts/run-command.ts";
import { oneJobPerRegion } from "./one-job.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const observed = ["otel-collector", "prometheus", "grafana"];
const startedAt = performance.now();
const say = (what: string): void => {
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(5)} s  ${what}`);
};

const dir = await mkdtemp(join(tmpdir(), "cos-compose-"));
const compose = new Compose(root, await environment());
let up = false;
try {
  const services = await validConfig();
  await baseImages();
  await compose.read("build", "secrets", "chain");
  say(`images built: ${await imageFacts()}`);
  up = true;
  await compose.read("up", "--detach", "--no-build", "--wait", "--wait-timeout", "900");
  say(`the stack is up and healthy: ${services.length} services`);
  await mkdir(join(dir, "home", "profiles"), { recursive: true });
  const platformFile = join(dir, "home", "profiles", "compose.json");
  await compose.read("cp", "prepare:/run/cos/client/platform.json", platformFile);
  say(await doctor());
  say(await guarded());
  await mkdir(join(dir, "operator"), { mode: 0o700 });
  await compose.read("cp", "prepare:/run/cos/operator/operator-keys.json", join(dir, "operator"));
  const { jobs, countsCompared } = await oneJobPerRegion(platformFile, join(dir, "operator"), dir);
  say(`${jobs} jobs, one a region, committed; ${countsCompared} opened counts equal plain counting`);
} catch (cause) {
  process.exitCode = 1;
  console.error(cause);
  if (up) console.error(await compose.read("ps", "--all").catch(String));
  if (up)
    console.error((await compose.read("logs", "--no-color", "--tail", "15").catch(String)).slice(-12_000));
} finally {
  if (up && !process.argv.includes("--keep")) {
    await compose.read("down", "--volumes", "--timeout", "60");
    say("down, volumes deleted");
  }
  await rm(dir, { recursive: true, force: true });
}
process.exit();

async function environment(): Promise<Record<string, string>> {
  const names = ["CHAIN", "GATEWAY", "GATEWAY_HTTP", "ACCESS", "SETTLEMENT", "ORCHESTRATOR"];
  const all = [...names, "WORKER_1", "WORKER_2", "WORKER_3", "PROMETHEUS", "GRAFANA"];
  const ports = await freePorts(all.length);
  return {
    COMPOSE_PROJECT_NAME: `cos-check-${randomBytes(3).toString("hex")}`,
    ...Object.fromEntries(all.map((name, i) => [`COS_PORT_${name}`, String(ports[i])])),
  };
}

async function validConfig(): Promise<string[]> {
  await compose.read("--profile", "observability", "config", "--quiet");
  const services = (await compose.read("config", "--services")).trim().split("\n");
  say(`docker-compose.yml is valid: ${services.length} services, and ${observed.join(", ")} by profile`);
  return services;
}

/** Those of the registry where it can be reached, else those that tools/images makes. */
async function baseImages(): Promise<void> {
  const maker = join(root, "tools", "images", "main.ts");
  const tags = (await runCommand(process.execPath, [maker, "--tag-only"])).split("\n");
  const missing = tags.filter((tag) => haveImage(tag) === "missing");
  if (missing.length > 0) {
    say(`no registry gives ${missing.join(", ")}: made here`);
    await runCommand(process.execPath, [maker]);
  }
  const images = (await compose.read("--profile", "observability", "config", "--images")).trim().split("\n");
  const unseen = images
    .filter((image) => /^(otel|prom|grafana)\//.test(image))
    .filter((image) => haveImage(image) === "missing");
  if (unseen.length > 0) say(`SKIPPED, no image to be had: ${unseen.join(", ")}`);
}

async function imageFacts(): Promise<string> {
  const tag = `cos/service:${process.env.COS_TAG ?? "dev"}`;
  const [size, user] = (
    await runCommand("docker", ["image", "inspect", tag, "--format", "{{.Size}} {{.Config.User}}"])
  ).split(" ");
  const sbom = JSON.parse(
    await runCommand("docker", ["run", "--rm", "--entrypoint", "cat", tag, "/app/sbom.cdx.json"]),
  );
  if (user !== "10001:10001") throw new Error(`the image runs as ${user}`);
  return `${tag}, ${(Number(size) / 1e6).toFixed(0)} MB with its base, user ${user}, SBOM of ${sbom.components.length} components`;
}

async function doctor(): Promise<string> {
  const cli = join(root, "packages", "cli", "src", "main.ts");
  const args = ["--home", join(dir, "home"), "--profile", "compose", "--json", "doctor"];
  const report = JSON.parse(await runCommand(process.execPath, [cli, ...args]));
  if (report.healthy !== true) throw new Error(`cos doctor: ${JSON.stringify(report)}`);
  return `cos --profile compose doctor: ${report.checks.length} checks, none bad`;
}

/** What the containers claim, tried: nobody is root, no file system but volumes can be written, no secret in an environment. */
async function guarded(): Promise<string> {
  const ids = (await compose.read("ps", "--quiet")).trim().split("\n");
  const inspected: unknown[] = JSON.parse(await runCommand("docker", ["inspect", ...ids]));
  const password = (await compose.read("exec", "-T", "postgres", "cat", "/run/cos/own/password")).trim();
  for (const one of inspected as {
    Name: string;
    Config: unknown;
    HostConfig: { ReadonlyRootfs: boolean };
  }[]) {
    if (!one.HostConfig.ReadonlyRootfs) throw new Error(`${one.Name} can write its file system`);
    if (JSON.stringify(one.Config).includes(password)) throw new Error(`${one.Name} shows a password`);
  }
  for (const service of [
    "access",
    "gateway",
    "orchestrator",
    "settlement",
    "worker-1",
    "kafka",
    "postgres",
    "redis",
    "minio",
  ]) {
    const uid = (await compose.read("exec", "-T", service, "id", "-u")).trim();
    if (uid === "0") throw new Error(`${service} runs as root`);
    const wrote = await compose.read("exec", "-T", service, "touch", "/usr/x").then(
      () => true,
      () => false,
    );
    if (wrote) throw new Error(`${service} wrote to its file system`);
  }
  const seen = await compose.read("exec", "-T", "worker-1", "ls", "/run/cos/own");
  if (/url|settler/.test(seen)) throw new Error("a worker holds more than its own key");
  return `${ids.length} containers with a read-only root, none as root, no password in a configuration; a worker holds ${seen.trim().split("\n").join(", ")}`;
}
