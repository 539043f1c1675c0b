import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CosFailure, orFail, type Platform } from "@cos/client";
import { createGrpcClient, type GrpcClient, type GrpcDefinition } from "@cos/service-host/grpc-client";
import { openTlsWire, type Wire } from "@cos/service-host/wire";
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
  readonly #wire: Wire | undefined;

  private constructor(platform: Platform, token: string, wire: Wire | undefined) {
    this.#platform = platform;
    this.#token = token;
    this.#wire = wire;
  }

  static async of(context: Context, options: OperatorOptions): Promise<Operator> {
    const platform = await context.platform();
    const wire = platform.tls && (await operatorWire(context));
    return new Operator(platform, await readToken(context, options), wire);
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
    return this.callAt(address, definition, use);
  }

  /** Workers that the platform file names, `host:port`. */
  get workers(): readonly string[] {
    return this.#platform.services.workers;
  }

  /** One call to a process by its address. */
  async callAt<D extends GrpcDefinition, T>(
    address: string,
    definition: D,
    use: (client: GrpcClient<D>) => Promise<T>,
  ): Promise<T> {
    const metadata = { "cos-service-token": this.#token };
    const client = createGrpcClient(definition, address, metadata, { wire: this.#wire });
    try {
      return await orFail(use(client));
    } finally {
      client.close();
    }
  }
}

/** An operator's certificate, by the same settings as a service's. */
async function operatorWire({ io: { env }, path }: Context): Promise<Wire> {
  const [certFile, keyFile, caFile] = [env.COS_TLS_CERT_FILE, env.COS_TLS_KEY_FILE, env.COS_TLS_CA_FILE];
  if (certFile === undefined || keyFile === undefined || caFile === undefined) {
    throw new CosFailure(
      "usage",
      "NO_OPERATOR_CERTIFICATE",
      "this platform's services ask operators for a certificate",
      {
        hint: "name it with COS_TLS_CERT_FILE, COS_TLS_KEY_FILE and COS_TLS_CA_FILE",
      },
    );
  }
  return openTlsWire({ certFile: path(certFile), keyFile: path(keyFile), caFile: path(caFile) });
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
