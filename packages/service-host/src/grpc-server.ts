import { Server, ServerCredentials, type ServerInterceptor } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { type GrpcOptions, ServerGrpc } from "@nestjs/microservices";
import { HealthImplementation } from "grpc-health-check";
import { type GrpcService, withTypedFaults } from "./grpc-service.ts";
import type { Wire } from "./wire/wire.ts";

/** What one peer may take of a server before it is refused or closed. */
const limits = {
  /** 4 MiB: no gRPC message of COS carries ciphertext bytes; those go over HTTP. */
  "grpc.max_receive_message_length": 4 * 1024 * 1024,
  "grpc.max_metadata_size": 16 * 1024,
  /** Calls at once over one connection; each other waits at the caller. */
  "grpc.max_concurrent_streams": 512,
  /** What one HTTP/2 session may keep in memory, MB: headers and data that wait. */
  "grpc-node.max_session_memory": 16,
  /** A connection without a call is asked whether it lives, and closed when it does not answer. */
  "grpc.keepalive_time_ms": 30_000,
  "grpc.keepalive_timeout_ms": 10_000,
  "grpc.max_connection_idle_ms": 15 * 60_000,
} as const;

export interface GrpcServerOptions {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Answers health, and nothing else, in the clear: kubelets know no TLS. None when left out. */
  readonly healthPort?: number | undefined;
  readonly services: readonly GrpcService[];
  /** Binary `FileDescriptorSet` for reflection. */
  readonly descriptorSet: Buffer;
  readonly wire: Wire;
  /** Run around every call, the first outermost. */
  readonly interceptors?: ServerInterceptor[];
}

/** What health says of the process itself, whatever it can do: a probe that restarts it asks for this. */
export const liveness = "live";

/** Nest's gRPC transport with health, reflection and a port that is known once it is bound. */
export class GrpcServer extends ServerGrpc {
  readonly health: HealthImplementation;
  boundPort = 0;
  #healthServer: Server | undefined;
  readonly #options: GrpcServerOptions;

  constructor(options: GrpcServerOptions) {
    super({ ...nestOptions(options), url: `${options.host}:${options.port}` });
    this.#options = options;
    const statuses = ["", ...options.services.map(({ name }) => name)].map(
      (name) => [name, "NOT_SERVING"] as const,
    );
    this.health = new HealthImplementation({ ...Object.fromEntries(statuses), [liveness]: "SERVING" });
  }

  /** Tells health checks whether the service takes work. */
  setServing(serving: boolean): void {
    for (const name of ["", ...this.#options.services.map((service) => service.name)]) {
      this.health.setStatus(name, serving ? "SERVING" : "NOT_SERVING");
    }
  }

  /** Tells whoever lists health how something besides the services is. @param isWell undefined: not known yet */
  report(name: string, isWell: boolean | undefined): void {
    this.health.setStatus(name, isWell === undefined ? "UNKNOWN" : isWell ? "SERVING" : "NOT_SERVING");
  }

  override async createClient(): Promise<Server> {
    const { host, port, healthPort, descriptorSet, wire, interceptors = [] } = this.#options;
    const credentials = wire.serverCredentials(host);
    const server = new Server({ ...limits, interceptors });
    this.health.addToServer(server);
    new ReflectionService(loadFileDescriptorSetFromBuffer(descriptorSet)).addToServer(server);
    this.boundPort = await bind(server, `${host}:${port}`, credentials);
    if (healthPort !== undefined) {
      this.#healthServer = new Server(limits);
      this.health.addToServer(this.#healthServer);
      await bind(this.#healthServer, `${host}:${healthPort}`, ServerCredentials.createInsecure());
    }
    return server;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#healthServer?.forceShutdown();
  }
}

function bind(server: Server, address: string, credentials: ServerCredentials): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => (error ? reject(error) : resolve(bound)));
  });
}

function nestOptions({ services }: GrpcServerOptions): GrpcOptions["options"] {
  const definitions = services.map(({ name, definition }) => [name, withTypedFaults(definition)]);
  return {
    package: [...new Set(services.map(({ name }) => name.split(".").slice(0, -1).join(".")))],
    packageDefinition: Object.fromEntries(definitions) as unknown as PackageDefinition,
  };
}
