/**
 * `npm run compose:check`: the stack of docker-compose.yml is valid, its images build, it comes up, `cos doctor` finds
 * nothing wrong, jobs run through it in both regions with right results, and it goes down again. A project and ports of
 * its own, so that a stack that runs is left alone. `--keep` leaves it up, and says how it is reached.
 */
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePorts } from "@cos/service-host/free-ports";
import { Compose, haveImage } from "../../tools/compose/docker.ts";
import { runCommand } from "../../tools/parts/run-command.ts";
import { oneJobPerRegion } from "./one-job.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const observed = ["otel-collector", "prometheus", "grafana"];
const startedAt = performance.now();
const say = (what: string): void => {
  console.log(`${((performance.now() - startedAt) / 1000).toFixed(0).padStart(5)} s  ${what}`);
};

const project = `cos-check-${randomBytes(3).toString("hex")}`;
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
  say(await green());
  say(await guarded());
  say(await partsUnderTls());
  say(await tellsStopped("redis", "cache"));
  say(await tellsStopped("minio", "object store"));
  await compose.read("cp", "prepare:/run/cos/operator", join(dir, "operator"));
  say(await operated());
  const { jobs, countsCompared } = await oneJobPerRegion(platformFile, join(dir, "operator"), dir);
  say(`${jobs} jobs, one a region, committed; ${countsCompared} opened counts equal plain counting`);
} catch (cause) {
  process.exitCode = 1;
  console.error(cause);
  if (up) console.error(await compose.read("ps", "--all").catch(String));
  if (up)
    console.error((await compose.read("logs", "--no-color", "--tail", "15").catch(String)).slice(-12_000));
} finally {
  if (up && process.argv.includes("--keep")) {
    const home = join(dir, "home");
    say(`left up: docker compose -p ${project} ps; npm run cos -- --home ${home} --profile compose doctor`);
  } else {
    if (up) await compose.read("down", "--volumes", "--timeout", "60");
    if (up) say("down, volumes deleted");
    await rm(dir, { recursive: true, force: true });
  }
}
process.exit();

async function environment(): Promise<Record<string, string>> {
  const names = ["CHAIN", "GATEWAY", "GATEWAY_HTTP", "ACCESS", "SETTLEMENT", "ORCHESTRATOR"];
  const all = [...names, "WORKER_1", "WORKER_2", "WORKER_3", "PROMETHEUS", "GRAFANA"];
  const ports = await freePorts(all.length);
  return {
    COMPOSE_PROJECT_NAME: project,
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
  if (unseen.length > 0) say(`SKIPPED, observability is not started: no registry gives ${unseen.join(", ")}`);
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

/** `cos --profile compose doctor`, as a person types it. */
async function doctor(): Promise<Diagnosis> {
  return (await cos(["doctor"])) as Diagnosis;
}

type Diagnosis = {
  readonly healthy: boolean;
  readonly checks: readonly { readonly name: string; readonly level: string; readonly says: string }[];
};

/** The one document that `cos --profile compose --json …` prints. */
async function cos(
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const cli = join(root, "packages", "cli", "src", "main.ts");
  const all = [cli, "--home", join(dir, "home"), "--profile", "compose", "--json", ...args];
  const env = { ...process.env, ...settings };
  const { stdout, stderr } = spawnSync(process.execPath, all, { encoding: "utf8", env });
  if (stdout === "") throw new Error(`cos ${args.join(" ")} said nothing\n${stderr.slice(-2_000)}`);
  return JSON.parse(stdout);
}

async function green(): Promise<string> {
  const { healthy, checks } = await doctor();
  if (!healthy) throw new Error(`cos doctor: ${JSON.stringify(checks, undefined, 1)}`);
  const regions = checks
    .filter(({ name }) => name.startsWith("region "))
    .map(({ name, says }) => `${name}: ${says}`);
  return `cos --profile compose doctor: ${checks.length} checks, none bad; ${regions.join("; ")}`;
}

/** An operator with a copy of the keys sees into every service. */
async function operated(): Promise<string> {
  const own = (name: string) => join(dir, "operator", name);
  const { services } = (await cos(["ops", "status"], {
    COS_SERVICE_TOKEN_FILE: own("service-token"),
    COS_TLS_CERT_FILE: own("tls.crt"),
    COS_TLS_KEY_FILE: own("tls.key"),
    COS_TLS_CA_FILE: own("ca.crt"),
  })) as { services: { service: string; failure?: string; deadLetters: number }[] };
  const wrong = services.filter(({ failure, deadLetters }) => failure !== undefined || deadLetters > 0);
  if (services.length !== 4 || wrong.length > 0)
    throw new Error(`cos ops status: ${JSON.stringify(services)}`);
  return `cos ops status: ${services.map(({ service }) => service).join(", ")} answer an operator`;
}

/** A part that is stopped is told from services that are gone, and is green again once it is back. */
async function tellsStopped(part: string, line: string): Promise<string> {
  const told = async (level: RegExp) => {
    for (let tries = 0; tries < 20; tries++) {
      const found = (await doctor()).checks.find(({ name }) => name === line);
      if (found !== undefined && level.test(found.level)) return found.says;
    }
    throw new Error(`cos doctor never said ${level} of the ${line}`);
  };
  await compose.read("stop", part);
  const says = await told(/warn|bad/);
  await compose.read("start", part);
  await told(/ok/);
  return `with ${part} stopped, cos doctor says of the ${line}: ${says}; and nothing more once it is back`;
}

/** What the gateway's container sees of each part: TLS that the deployment's authority certified, and nothing in the clear. */
async function partsUnderTls(): Promise<string> {
  const script = await readFile(join(root, "e2e", "compose", "look-at-parts.mjs"), "utf8");
  const said = await compose.read("exec", "-T", "gateway", "node", "--input-type=module", "--eval", script);
  const seen = JSON.parse(said) as Record<
    string,
    { believed: string; byTheWorld: string; inTheClear: string }
  >;
  for (const [part, { believed, byTheWorld, inTheClear }] of Object.entries(seen)) {
    const isWell = believed === "yes" && byTheWorld !== "yes" && inTheClear.startsWith("no");
    if (!isWell) throw new Error(`${part}: ${JSON.stringify(seen[part])}`);
  }
  return `${Object.keys(seen).join(", ")} speak TLS under their own authority, and nothing in the clear`;
}

type Inspected = {
  readonly Name: string;
  readonly Config: unknown;
  readonly HostConfig: {
    readonly ReadonlyRootfs: boolean;
    readonly Privileged: boolean;
    readonly CapAdd: readonly string[] | null;
    readonly CapDrop: readonly string[] | null;
    readonly SecurityOpt: readonly string[] | null;
    readonly Memory: number;
  };
};

/** What the containers claim, seen from outside and tried inside: no root, no capability, no file system but volumes, no secret. */
async function guarded(): Promise<string> {
  const ids = (await compose.read("ps", "--all", "--quiet")).trim().split("\n");
  const inspected: Inspected[] = JSON.parse(await runCommand("docker", ["inspect", ...ids]));
  const password = (await compose.read("exec", "-T", "postgres", "cat", "/run/cos/own/password")).trim();
  for (const { Name, Config, HostConfig: how } of inspected) {
    const must = (isSo: boolean, what: string) => {
      if (!isSo) throw new Error(`${Name} ${what}`);
    };
    must(how.ReadonlyRootfs, "can write its file system");
    must(!how.Privileged && (how.CapAdd ?? []).length === 0, "is privileged");
    must((how.CapDrop ?? []).includes("ALL"), "keeps capabilities");
    must((how.SecurityOpt ?? []).includes("no-new-privileges:true"), "may gain privileges");
    must(how.Memory > 0, "has no memory limit");
    must(!JSON.stringify(Config).includes(password), "shows a password");
  }
  const running = (await compose.read("ps", "--services")).trim().split("\n");
  for (const service of running) {
    const status = await compose.read("exec", "-T", service, "cat", "/proc/self/status");
    const [uid, capabilities] = [/^Uid:\s+(\d+)/m, /^CapEff:\s+([0-9a-f]+)/m].map(
      (line) => line.exec(status)?.[1],
    );
    if (uid === undefined || uid === "0") throw new Error(`${service} runs as root`);
    if (!/^0+$/.test(capabilities ?? "?")) throw new Error(`${service} has capabilities ${capabilities}`);
    const wrote = await compose.read("exec", "-T", service, "touch", "/usr/x").then(
      () => true,
      () => false,
    );
    if (wrote) throw new Error(`${service} wrote to its file system`);
  }
  const seen = await compose.read("exec", "-T", "worker-1", "ls", "/run/cos/own");
  if (/url|settler/.test(seen)) throw new Error("a worker holds more than its own key");
  return `${ids.length} containers, ${running.length} of them running: root read-only, nobody root, no capability, no password in a configuration; a worker holds ${seen.trim().split("\n").join(", ")}`;
}
