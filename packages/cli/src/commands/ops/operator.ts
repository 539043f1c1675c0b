import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CosFailure, orFail, type Platform } from "@cos/client";
import { createGrpcClient, type GrpcClient, type GrpcDefinition } from "@cos/service-host/grpc-client";
import type { Command } from "commander";
import type { Context } from "../../context.ts";

/** Options of every operator's command. */
export type OperatorOptions = { readonly data?: string; readonly tokenFile?: string };

/** Services that keep state. */
export const serviceNames = ["access", "orchestrator", "gateway", "settlement"] as const;
export type ServiceName = (typeof serviceNames)[number];

export const operatorOptions = (command: Command): Command =>
  command
    .option("--data <dir>", "where a local platform keeps its state (default HOME/platform)")
    .option("--token-file <file>", "file with the deployment's service token (COS_SERVICE_TOKEN_FILE)");

/** An operator: the platform's services, called with the service token. */
export class Operator {
  readonly #platform: Platform;
  readonly #token: string;

  private constructor(platform: Platform, token: string) {
    this.#platform = platform;
    this.#token = token;
  }

  static async of(context: Context, options: OperatorOptions): Promise<Operator> {
    return new Operator(await context.platform(), await readToken(context, options));
  }

  /** Whether the platform file names the service. */
  knows = (service: ServiceName): boolean => this.#platform.services[service] !== undefined;

  /** One call to one service, refusals in plain words. */
  async call<D extends GrpcDefinition, T>(
    service: ServiceName,
    definition: D,
    use: (client: GrpcClient<D>) => Promise<T>,
  ): Promise<T> {
    const address = this.#platform.services[service];
    if (address === undefined) {
      throw new CosFailure("usage", "SERVICE_UNKNOWN", `the platform file does not name ${service}`);
    }
    const client = createGrpcClient(definition, address, { "cos-service-token": this.#token });
    try {
      return await orFail(use(client));
    } finally {
      client.close();
    }
  }
}

/** The token from its file, or from the keys of a platform on this machine. Never from the command line, where others see it. */
async function readToken(context: Context, options: OperatorOptions): Promise<string> {
  const named = options.tokenFile ?? context.io.env.COS_SERVICE_TOKEN_FILE;
  if (named !== undefined) return (await readOr(context.path(named))).trim();
  const folder = options.data === undefined ? context.home.platformData : context.path(options.data);
  const keys = JSON.parse(await readOr(join(folder, "operator-keys.json"))) as { serviceToken?: unknown };
  if (typeof keys.serviceToken === "string") return keys.serviceToken;
  throw new CosFailure("usage", "NO_SERVICE_TOKEN", `${folder} holds no service token`);
}

async function readOr(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    throw new CosFailure("not-found", "NO_SERVICE_TOKEN", `cannot read ${path}`, {
      hint: "name the token's file with --token-file, or a local platform's folder with --data",
    });
  }
}

export function serviceName(text: string): ServiceName {
  const found = serviceNames.find((name) => name === text);
  if (found !== undefined) return found;
  throw new CosFailure(
    "usage",
    "BAD_ARGUMENT",
    `--service is one of ${serviceNames.join(", ")}, not '${text}'`,
  );
}
