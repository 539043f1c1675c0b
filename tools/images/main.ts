/**
 * `npm run images`: makes the base images of docker-compose.yml and Dockerfile on this machine, under their names and
 * tags, where no image registry can be reached. Those that are there already stay. docs/compose.md tells what each is
 * made of. `-- --tag-only` lists their names.
 */
import { spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cacheFolder } from "../parts/cache-folder.ts";
import { kafkaFiles } from "../parts/kafka-jars.ts";
import { npmBin } from "../parts/postgres.ts";
import { findProgram, runCommand } from "../parts/run-command.ts";
import { minioProgram } from "../parts/s3.ts";

type BaseImage = {
  readonly tag: string;
  /** Folder beside this file that holds its Dockerfile. */
  readonly recipe: string;
  /** Puts what the Dockerfile copies into the build's folder. */
  readonly gather: (folder: string) => Promise<void>;
};

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "..", "..");
const cache = cacheFolder();
const debian = "debian:bookworm-slim";

const images: readonly BaseImage[] = [
  {
    tag: "node:24.21.0-bookworm-slim",
    recipe: "node-slim",
    gather: (folder) => cp(join(root, "node_modules", "node", "bin", "node"), join(folder, "node")),
  },
  {
    tag: "node:24.21.0-bookworm",
    recipe: "node",
    gather: async (folder) => {
      const npm = await findProgram(["npm"]);
      if (npm === undefined) throw new Error("the build stage needs npm");
      await cp(join(await realpath(npm), "..", ".."), join(folder, "npm"), { recursive: true });
      const authorities = process.env.NODE_EXTRA_CA_CERTS;
      await writeFile(join(folder, "authorities.pem"), authorities ? await readFile(authorities) : "");
    },
  },
  {
    tag: "postgres:18-bookworm",
    recipe: "postgres",
    gather: async (folder) => {
      const bin = await npmBin(cache, join(folder, "unpacked"));
      await cp(dirname(bin), join(folder, "native"), { recursive: true, verbatimSymlinks: true });
    },
  },
  { tag: "redis:7.0.15-bookworm", recipe: "redis", gather: async () => {} },
  {
    tag: "apache/kafka:4.1.0",
    recipe: "kafka",
    gather: async (folder) => {
      const { classPath } = await kafkaFiles(cache);
      await cp(dirname(classPath), join(folder, "libs"), { recursive: true });
    },
  },
  {
    tag: "minio/minio:RELEASE.2025-09-07T16-13-09Z",
    recipe: "minio",
    gather: async (folder) => cp(await minioProgram(cache), join(folder, "minio")),
  },
];

/** What the registry's slim image does not have either. */
const unwanted = [
  ...["var/cache/apt/*.bin", "var/cache/apt/archives/*.deb", "var/lib/apt/lists/*"],
  ...["usr/share/doc/*", "usr/share/info/*", "usr/share/locale/*", "usr/share/man/*"],
];

if (process.argv.includes("--tag-only")) for (const { tag } of images) console.log(tag);
else await makeAll();

async function makeAll(): Promise<void> {
  const missing = images.filter(({ tag }) => !exists(tag));
  if (missing.length > 0 && !exists(debian)) await makeDebian();
  for (const image of missing) await make(image);
  console.log(missing.length === 0 ? "every base image is there" : `made ${missing.length} base images`);
}

function exists(tag: string): boolean {
  return spawnSync("docker", ["image", "inspect", tag], { stdio: "ignore" }).status === 0;
}

/** A least Debian by debootstrap, which needs root and a Debian mirror. */
async function makeDebian(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cos-debian-"));
  try {
    const system = join(folder, "root");
    await say(`${debian} by debootstrap`, "debootstrap", [
      "--variant=minbase",
      "--include=ca-certificates",
      "bookworm",
      system,
    ]);
    const archive = join(folder, "root.tar");
    const left = unwanted.map((path) => `--exclude=./${path}`);
    await runCommand("tar", ["-C", system, ...left, "-cf", archive, "."]);
    await runCommand("docker", ["import", archive, debian]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function make({ tag, recipe, gather }: BaseImage): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "cos-image-"));
  try {
    await cp(join(here, recipe), folder, { recursive: true });
    await gather(folder);
    await say(tag, "docker", ["build", "--network", "host", "--tag", tag, folder]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function say(what: string, command: string, args: readonly string[]): Promise<void> {
  console.log(`making ${what}`);
  const begun = performance.now();
  await runCommand("nice", ["-n", "10", command, ...args]);
  console.log(`made   ${what} in ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}
