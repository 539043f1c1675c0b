import { type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";

const succeeds = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: "ignore" }).status === 0;

/** How Compose is called here: `COS_COMPOSE_PROGRAM`, Docker's plugin, or the program by itself. */
function composeProgram(): readonly string[] {
  const named = process.env.COS_COMPOSE_PROGRAM;
  if (named !== undefined) return [named];
  if (succeeds("docker", "compose", "version")) return ["docker", "compose"];
  if (succeeds("docker-compose", "version")) return ["docker-compose"];
  throw new Error(
    "there is no Docker Compose: install its plugin, or name the program in COS_COMPOSE_PROGRAM",
  );
}

/** Compose of one project, from the repository's root. */
export class Compose {
  readonly #program: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  readonly #root: string;

  /** @param environment what docker-compose.yml asks for; without buildx images are built by Docker's own builder */
  constructor(root: string, environment: Readonly<Record<string, string>> = {}) {
    this.#program = composeProgram();
    this.#root = root;
    const builder = succeeds("docker", "buildx", "version") ? {} : { DOCKER_BUILDKIT: "0" };
    this.#environment = { ...builder, ...environment };
  }

  /** Shows what it says. @throws when it fails */
  async run(...args: string[]): Promise<void> {
    await this.#spawn(args, { stdio: ["ignore", "inherit", "inherit"] });
  }

  /** @returns standard output. @throws with the end of what it said when it fails */
  async read(...args: string[]): Promise<string> {
    return this.#spawn(args, { stdio: ["ignore", "pipe", "pipe"] });
  }

  async #spawn(args: readonly string[], how: SpawnOptions): Promise<string> {
    const [command = "", ...first] = this.#program;
    const child = spawn(command, [...first, ...args], {
      ...how,
      cwd: this.#root,
      env: { ...process.env, ...this.#environment },
    });
    let output = "";
    let said = "";
    child.stdout?.on("data", (piece: Buffer) => {
      output += piece.toString();
    });
    child.stderr?.on("data", (piece: Buffer) => {
      said += piece.toString();
    });
    const [code] = (await once(child, "close")) as [number | null];
    if (code === 0) return output;
    throw new Error(`docker compose ${args.join(" ")} ended with ${code}\n${said.slice(-2_000)}`);
  }
}

/** Whether Docker has an image or can fetch it. */
export function haveImage(tag: string): "here" | "pulled" | "missing" {
  if (succeeds("docker", "image", "inspect", tag)) return "here";
  return succeeds("docker", "pull", "--quiet", tag) ? "pulled" : "missing";
}
