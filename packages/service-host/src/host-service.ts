import "reflect-metadata";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { ServerCredentials } from "@grpc/grpc-js";
import { type DynamicModule, type INestApplication, type INestMicroservice, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { GrpcServer } from "./grpc-server.ts";
import type { GrpcService } from "./grpc-service.ts";
import { type HttpRoute, httpController } from "./http-routes.ts";

export interface HostOptions {
  readonly host: string;
  readonly grpc: {
    /** 0 picks a free port. */
    readonly port: number;
    readonly services: readonly GrpcService[];
    readonly descriptorSet: Buffer;
    readonly credentials?: ServerCredentials;
  };
  readonly http?: { readonly port: number; readonly routes: readonly HttpRoute[] };
  /** Told of errors in HTTP routes that are nobody's refusal. */
  readonly onBug?: (where: string, error: unknown) => void;
}

/** What runs: addresses as `host:port`, the switch that health checks see, and an orderly end. */
export interface HostedService {
  readonly grpcAddress: string;
  /** `http://host:port`, where HTTP routes were given. */
  readonly httpUrl?: string;
  setServing(serving: boolean): void;
  close(): Promise<void>;
}

class HostModule {}
Module({})(HostModule);

/**
 * Hosts finished gRPC services and HTTP routes in one Nest application. Nest owns transports, health and lifecycle; the
 * objects it hosts come from the service's composition root.
 */
export async function hostService(options: HostOptions): Promise<HostedService> {
  const { host, grpc, http } = options;
  const controllers = grpc.services.map(({ controller }) => controller);
  const strategy = new GrpcServer({ host, ...grpc });
  const quiet = { logger: ["error", "warn"] as ("error" | "warn")[], abortOnError: false };

  let app: INestApplication | INestMicroservice;
  let httpUrl: string | undefined;
  if (http) {
    const routes = httpController(http.routes, options.onBug);
    const web = await NestFactory.create(moduleOf([...controllers, routes]), { ...quiet, bodyParser: false });
    web.connectMicroservice({ strategy });
    await web.startAllMicroservices();
    await web.listen(http.port, host);
    const server = web.getHttpServer() as Server;
    httpUrl = `http://${host}:${(server.address() as AddressInfo).port}`;
    app = web;
  } else {
    const service = await NestFactory.createMicroservice(moduleOf(controllers), { ...quiet, strategy });
    await service.listen();
    app = service;
  }
  return {
    grpcAddress: `${host}:${strategy.boundPort}`,
    ...(httpUrl === undefined ? {} : { httpUrl }),
    setServing: (serving) => strategy.setServing(serving),
    close: async () => {
      strategy.setServing(false);
      await app.close();
    },
  };
}

const moduleOf = (controllers: DynamicModule["controllers"] = []): DynamicModule => ({
  module: HostModule,
  controllers,
});
