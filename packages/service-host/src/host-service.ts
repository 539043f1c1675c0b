import "reflect-metadata";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type MetricsServer, startMetricsServer, type Telemetry } from "@cos/telemetry";
import type { CertificateWatch } from "@cos/tls";
import { type DynamicModule, type INestApplication, type INestMicroservice, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { BoundedExpress, defaultHttpLimits, type HttpLimits } from "./bounded-server.ts";
import { GrpcServer } from "./grpc-server.ts";
import type { GrpcService } from "./grpc-service.ts";
import { type Need, type NeedName, watchNeeds } from "./health/needs.ts";
import { type HttpRoute, httpController } from "./http-routes.ts";
import { observedCalls } from "./observed-calls.ts";
import { observedRoutes } from "./observed-routes.ts";
import { checkedCallers } from "./wire/checked-callers.ts";
import { plaintextWire, type Wire } from "./wire/wire.ts";

export interface HostOptions {
  readonly host: string;
  readonly grpc: {
    /** 0 picks a free port. */
    readonly port: number;
    /** Answers health, and nothing else, in the clear; none when left out. */
    readonly healthPort?: number | undefined;
    readonly services: readonly GrpcService[];
    readonly descriptorSet: Buffer;
    /** How peers reach it; in the clear, and on the loopback only, when left out. */
    readonly wire?: Wire | undefined;
  };
  readonly http?: {
    readonly port: number;
    readonly routes: readonly HttpRoute[];
    readonly limits?: Partial<HttpLimits>;
    /** The server's certificate for its host name; in the clear when left out. */
    readonly tls?: CertificateWatch | undefined;
  };
  /** What is seen of the service: its spans and metrics, and where `/metrics`, `/healthz` and `/readyz` answer. */
  readonly observe?: {
    readonly telemetry: Telemetry;
    /** 0 picks a free one. */
    readonly metricsPort: number;
    /** False where strangers call: their trace contexts are not followed. Default true. */
    readonly trustCallers?: boolean;
  };
  /** What the service cannot do all its work without: looked at again and again, and told under its name. */
  readonly needs?: readonly Need[];
  /** Told of errors in HTTP routes that are nobody's refusal. */
  readonly onBug?: (where: string, error: unknown) => void;
}

/** What runs: addresses as `host:port`, the switch that health checks see, and an orderly end. */
export interface HostedService {
  readonly grpcAddress: string;
  /** `http(s)://host:port`, where HTTP routes were given. */
  readonly httpUrl?: string;
  /** `http://host:port` of `/metrics`, where the service is observed. */
  readonly metricsUrl?: string;
  setServing(serving: boolean): void;
  /**
   * Tells health checks of something besides services and needs: `region/eu`, whether its tasks are taken; `tasks/eu`,
   * false while some wait that nobody takes. Undefined: nothing is known of it any more.
   */
  report(name: `${"region" | "tasks"}/${string}`, isWell: boolean | undefined): void;
  close(): Promise<void>;
}

class HostModule {}
Module({})(HostModule);

/**
 * Hosts finished gRPC services and HTTP routes in one Nest application. Nest owns transports, health and lifecycle; the
 * objects it hosts come from the service's composition root.
 */
export async function hostService(options: HostOptions): Promise<HostedService> {
  const { host, grpc, http, observe, needs = [] } = options;
  const controllers = grpc.services.map(({ controller }) => controller);
  const wire = grpc.wire ?? plaintextWire();
  const interceptors = [
    ...(observe ? [observedCalls(observe.telemetry, observe.trustCallers ?? true)] : []),
    ...(wire.knowsCallers ? [checkedCallers()] : []),
  ];
  const strategy = new GrpcServer({ host, ...grpc, wire, interceptors });
  const quiet = { logger: ["error", "warn"] as ("error" | "warn")[], abortOnError: false };

  let app: INestApplication | INestMicroservice;
  let httpUrl: string | undefined;
  if (http) {
    const given = observe ? observedRoutes(observe.telemetry, http.routes) : http.routes;
    const routes = httpController(given, options.onBug);
    const web = await NestFactory.create(
      moduleOf([...controllers, routes]),
      new BoundedExpress({ ...defaultHttpLimits, ...http.limits }, http.tls),
      { ...quiet, bodyParser: false },
    );
    web.connectMicroservice({ strategy });
    await web.startAllMicroservices();
    await web.listen(http.port, host);
    const server = web.getHttpServer() as Server;
    httpUrl = `${http.tls ? "https" : "http"}://${host}:${(server.address() as AddressInfo).port}`;
    app = web;
  } else {
    const service = await NestFactory.createMicroservice(moduleOf(controllers), { ...quiet, strategy });
    await service.listen();
    app = service;
  }
  let isServing = false;
  const setServing = (serving: boolean) => {
    isServing = serving;
    strategy.setServing(serving);
  };
  const looked = new Map<NeedName, boolean>();
  for (const { name } of needs) strategy.report(name, undefined);
  const stopWatching = watchNeeds(needs, (name, isThere) => {
    looked.set(name, isThere);
    strategy.report(name, isThere);
  });
  const metricsServer =
    observe && (await startMetrics(observe, host, { isServing: () => isServing, looked }));
  return {
    grpcAddress: `${host}:${strategy.boundPort}`,
    ...(httpUrl === undefined ? {} : { httpUrl }),
    ...(metricsServer === undefined ? {} : { metricsUrl: metricsServer.url }),
    setServing,
    report: (name, isWell) => strategy.report(name, isWell),
    close: async () => {
      setServing(false);
      stopWatching();
      await app.close();
      await metricsServer?.close();
    },
  };
}

function startMetrics(
  { telemetry, metricsPort }: NonNullable<HostOptions["observe"]>,
  host: string,
  { isServing, looked }: { isServing: () => boolean; looked: ReadonlyMap<NeedName, boolean> },
): Promise<MetricsServer> {
  telemetry.metrics.collect("serving", (set) => set("serving", {}, isServing() ? 1 : 0));
  telemetry.metrics.collect("needs", (set) => {
    for (const [need, isThere] of looked) set("needThere", { need }, isThere ? 1 : 0);
  });
  return startMetricsServer(telemetry.metrics, { host, port: metricsPort, isServing, needs: () => looked });
}

const moduleOf = (controllers: DynamicModule["controllers"] = []): DynamicModule => ({
  module: HostModule,
  controllers,
});
