/** What it takes of the chart's values; the chart's schema says what each is. */
export type FlowValues = {
  readonly network: {
    readonly dns: { readonly port: number };
    readonly ports: Readonly<Record<OnePort, number>> & { readonly chain: readonly number[] };
    readonly peers: { readonly prometheus: readonly object[]; readonly operators: readonly object[] };
  };
  readonly broker: { readonly servers: readonly string[] };
  readonly cache: { readonly existingSecret: string };
  readonly dev: { readonly enabled: boolean };
  readonly exposure: { readonly kind: string };
  readonly gateway: { readonly oidcProviders: readonly object[] };
  readonly migration: { readonly enabled: boolean };
  readonly settlement: { readonly signer: { readonly url: string } };
  readonly telemetry: { readonly otelEndpoint: string; readonly fromWorkers: boolean };
};
type OnePort = "database" | "objectStore" | "cache" | "collector" | "signer" | "oidc";

const grpc = 50_051;
const http = 8_080;
const metrics = 9_464;

/**
 * Who speaks to whom, written down from the services' composition roots and not from the templates: gateways ask access and
 * orchestrator, orchestrators ask access, workers ask the orchestrator.
 */
const calls = [
  ["gateway", "access"],
  ["gateway", "orchestrator"],
  ["orchestrator", "access"],
  ["fhe-worker", "orchestrator"],
] as const;

/** What each process opens of the parts. Workers hold no database, no bucket credential and no node. */
const parts = {
  access: ["broker", "database", "chain"],
  orchestrator: ["broker", "database", "objectStore"],
  gateway: ["broker", "database", "objectStore", "cache", "chain"],
  settlement: ["broker", "database", "objectStore", "chain"],
  "fhe-worker": ["broker", "objectStore"],
  migration: ["database"],
} as const;

/** Those that serve; what prepares or migrates ends. */
const forServices = { access: 1, orchestrator: 1, gateway: 1, settlement: 1, "fhe-worker": 1 };

/** Whom people call. */
const forPeople = { access: [grpc], gateway: [grpc, http], settlement: [grpc] } as const;

/** In development the release's own parts stand in for those outside. */
const bundled: Readonly<Record<string, string>> = {
  broker: "dev-kafka",
  database: "dev-postgres",
  objectStore: "dev-objects",
  cache: "dev-redis",
  chain: "dev-chain",
};
const bundledPorts = {
  broker: [9_092],
  database: [5_432],
  objectStore: [9_000],
  cache: [6_379],
  chain: [8_545],
};

/** The connections that a deployment with these values needs; any other is one too many. */
export function expectedFlows(values: FlowValues): string[] {
  const { network, exposure, telemetry, migration, gateway, settlement, cache, broker, dev } = values;
  const outside: Record<string, readonly number[]> = {
    broker: [...new Set(broker.servers.map((server) => Number(server.split(":").at(-1))))],
    database: [network.ports.database],
    objectStore: [network.ports.objectStore],
    cache: [network.ports.cache],
    chain: network.ports.chain,
  };
  const ports: Record<string, readonly number[]> = dev.enabled ? bundledPorts : outside;
  const runs: Record<string, readonly string[]> = dev.enabled
    ? { ...parts, migration: [], "dev-prepare": ["database", "objectStore", "chain"] }
    : parts;
  const flows = calls.map(([from, to]) => `${from} -> ${to}: ${grpc}`);
  for (const [component, wanted] of Object.entries(runs)) {
    if (component === "migration" && (!migration.enabled || dev.enabled)) continue;
    flows.push(`${component} -> dns: ${network.dns.port}`);
    for (const part of wanted) {
      if (part === "cache" && cache.existingSecret === "" && !dev.enabled) continue;
      const who = dev.enabled ? bundled[part] : part;
      for (const port of ports[part] ?? []) flows.push(`${component} -> ${who}: ${port}`);
    }
    if (!(component in forServices)) continue;
    const tells = telemetry.otelEndpoint !== "" && (component !== "fhe-worker" || telemetry.fromWorkers);
    if (tells) flows.push(`${component} -> collector: ${network.ports.collector}`);
    if (network.peers.prometheus.length > 0) flows.push(`prometheus -> ${component}: ${metrics}`);
    if (network.peers.operators.length > 0) flows.push(`operators -> ${component}: ${grpc}`);
  }
  if (settlement.signer.url !== "") flows.push(`settlement -> signer: ${network.ports.signer}`);
  if (gateway.oidcProviders.length > 0) flows.push(`gateway -> oidc: ${network.ports.oidc}`);
  if (exposure.kind !== "none") {
    for (const [component, open] of Object.entries(forPeople)) {
      for (const port of open) flows.push(`people -> ${component}: ${port}`);
    }
  }
  return flows.toSorted();
}
