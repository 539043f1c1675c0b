import { join } from "node:path";
import { accessSettings, composeAccess } from "@cos/access";
import { composeGateway, gatewaySettings } from "@cos/gateway";
import { composeOrchestrator, orchestratorSettings } from "@cos/orchestrator";
import type { Unwinder } from "@cos/parts";
import { createLogger, readConfig, type Settings } from "@cos/service-host";
import { composeSettlement, settlementSettings } from "@cos/settlement";
import { computeAddress, Wallet } from "ethers";
import type { Parts } from "./open-parts.ts";
import type { ServiceTelemetry } from "./service-telemetry.ts";

/** Settings of single services by name, over the defaults; values as an environment would hold them. */
export type ServiceOverrides = {
  readonly access?: Readonly<Record<string, string>>;
  readonly gateway?: Readonly<Record<string, string>>;
  readonly orchestrator?: Readonly<Record<string, string>>;
  readonly settlement?: Readonly<Record<string, string>>;
};

export type ServicesOptions = {
  readonly dataDir: string;
  readonly host: string;
  readonly level: string;
  readonly now: () => number;
  readonly overrides: ServiceOverrides;
  readonly telemetry: ServiceTelemetry;
};

/** Where the services answer: gRPC, `host:port`. */
export type ServiceAddresses = Readonly<Record<"access" | "orchestrator" | "gateway" | "settlement", string>>;

/** Starts access, orchestrator, gateway and settlement through their own composition roots. */
export async function startServices(
  parts: Parts,
  options: ServicesOptions,
  ends: Unwinder,
): Promise<ServiceAddresses> {
  const { keys, ports, store, chain, provider, objects, log, prepared, sink } = parts;
  const { host, level, now, overrides, telemetry } = options;
  const shared = { log, now, serviceToken: keys.serviceToken };
  const chainId = String(chain.chainId);
  const contracts = { provider, addresses: prepared.addresses };

  const access = composeAccess(
    configOf(accessSettings, { host, grpcPort: `${ports.access}`, ...overrides.access }),
    {
      ...shared,
      db: store.schema("access"),
      chain: contracts,
      logger: createLogger("access", sink, level),
      telemetry: telemetry.of("access"),
    },
  );
  await begin(access, ends);

  const orchestrator = composeOrchestrator(
    configOf(orchestratorSettings, {
      host,
      grpcPort: `${ports.orchestrator}`,
      accessAddress: access.grpcAddress,
      chainId,
      ...overrides.orchestrator,
    }),
    {
      ...shared,
      db: store.schema("orchestrator"),
      objects,
      logger: createLogger("orchestrator", sink, level),
      telemetry: telemetry.of("orchestrator"),
    },
  );
  await begin(orchestrator, ends);

  const gateway = composeGateway(
    configOf(gatewaySettings, {
      host,
      grpcPort: `${ports.gateway}`,
      httpPort: `${ports.gatewayHttp}`,
      chainId,
      gatewayAddress: computeAddress(keys.gateway),
      accessAddress: access.grpcAddress,
      orchestratorAddress: orchestrator.grpcAddress,
      signingKeyFile: join(options.dataDir, "gateway-signing-key.json"),
      ...overrides.gateway,
    }),
    {
      ...shared,
      db: store.schema("gateway"),
      objects,
      chain: { provider },
      logger: createLogger("gateway", sink, level),
      telemetry: telemetry.of("gateway"),
    },
  );
  const settlement = composeSettlement(
    configOf(settlementSettings, {
      host,
      grpcPort: `${ports.settlement}`,
      chainId,
      ...overrides.settlement,
    }),
    {
      ...shared,
      db: store.schema("settlement"),
      objects,
      chain: contracts,
      signers: { settler: new Wallet(keys.settler), usage: new Wallet(keys.usage) },
      logger: createLogger("settlement", sink, level),
      telemetry: telemetry.of("settlement"),
    },
  );
  await Promise.all([begin(gateway, ends), begin(settlement, ends)]);
  for (const [name, service] of Object.entries({ access, orchestrator, gateway, settlement })) {
    telemetry.urls.set(name, service.metricsUrl);
  }
  return {
    access: access.grpcAddress,
    orchestrator: orchestrator.grpcAddress,
    gateway: gateway.grpcAddress,
    settlement: settlement.grpcAddress,
  };
}

async function begin(
  service: { start(): Promise<void>; stop(): Promise<void> },
  ends: Unwinder,
): Promise<void> {
  await service.start();
  ends.add(() => service.stop());
}

/** Reads a service's settings from plain values, as its own process would from the environment. */
function configOf<T extends Settings>(settings: T, values: Readonly<Record<string, string>>) {
  const environment = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase(),
      value,
    ]),
  );
  const config = readConfig(settings, "", environment);
  if (config.ok) return config.value;
  throw new Error(
    `bad settings: ${config.error.faults.map(({ key, rule }) => `${key} (${rule})`).join(", ")}`,
  );
}
