import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv } from "ajv";
import { parse } from "yaml";

/** Values that the schema must refuse, laid over good ones: a path and what stands there. */
const refused: readonly (readonly [path: string, value: unknown])[] = [
  ["acces", {}],
  ["image.sha", "x"],
  ["image.digest", "sha256:short"],
  ["image.digest", `sha512:${"0".repeat(64)}`],
  ["image.pullPolicy", "Sometimes"],
  ["image.repository", "cos/service:latest@"],
  ["chain.id", "1"],
  ["chain.id", -1],
  ["chain.id", 1.5],
  ["chain.rpc.url", "https://user:password@rpc.example.org"],
  ["chain.rpc.url", "ws://rpc.example.org"],
  ["chain.contracts.AccessACL", "0x1234"],
  ["chain.contracts.AccessAcl", `0x${"0".repeat(40)}`],
  ["chain.contracts", { AccessACL: `0x${"0".repeat(40)}` }],
  ["broker.servers", ["kafka"]],
  ["broker.servers", "kafka:9092"],
  ["broker.servers", ["kafka:9092", "kafka:9092"]],
  ["broker.sasl.mechanism", "gssapi"],
  ["broker.sasl.password", "secret"],
  ["database.url", "postgres://user:password@db/cos"],
  ["database.poolSize", 1],
  ["database.keys.worker", "url"],
  ["objectStore.secretKey", "x"],
  ["serviceToken.value", "x"],
  ["tls.mode", "none"],
  ["tls.certManager.issuer.kind", "Vault"],
  ["tls.certManager.duration", "90 days"],
  ["externalSecrets.secrets", [{ name: "x", data: [] }]],
  ["externalSecrets.secrets", [{ name: "x", data: [{ secretKey: "a" }] }]],
  ["telemetry.sampleRatio", 1.01],
  ["telemetry.logLevel", "trace"],
  ["pods.listenHost", "127.0.0.1"],
  ["pods.spread.topologyKeys", []],
  ["pods.securityContext", { runAsUser: 0 }],
  ["access.replicas", 0],
  ["access.settings.dept", 3],
  ["access.settings.depth", -1],
  ["access.settings.depth", 10_001],
  ["access.settings.host", "0.0.0.0"],
  ["access.settings.receiptsCheck", "none"],
  ["access.resources", { requests: { cpu: "1", memory: "1Gi" } }],
  ["access.resources.limits", { cpu: "1" }],
  ["access.resources.limits.memory", "lots"],
  ["access.scaling.kind", "keda"],
  ["access.env", [{ name: "A", value: "b" }]],
  ["orchestrator.operator", "0x12"],
  ["orchestrator.settings.pricedEngine", "gpu"],
  ["gateway.publicUrl", "objects.example.org"],
  ["gateway.publicUrl", "https://objects.example.org/"],
  ["gateway.address", "gateway"],
  ["gateway.signingKeys.volume.accessMode", "ReadOnlyMany"],
  ["gateway.settings.signingKeyFile", "/etc/passwd"],
  ["gateway.oidcProviders", [{ issuer: "https://login.example.org" }]],
  ["gateway.oidcProviders", [{ issuer: "https://login.example.org", clientId: "a", authoritySecret: "A b" }]],
  ["settlement.replicas", 2],
  ["settlement.signer.url", "http://signer.example.org"],
  ["settlement.keys.settler.value", `0x${"1".repeat(64)}`],
  ["workers.regions", { EU: {} }],
  ["workers.regions.eu.scaling.kind", "cpu"],
  ["workers.regions.eu.scaling.lagThreshold", 0],
  ["workers.regions.eu.scaling.maxReplicas", 0],
  ["workers.regions.eu.settings.regions", "us"],
  ["workers.regions.eu.threads", 0],
  ["workers.common.settings.engine", "cuda"],
  ["migration.rollback", true],
  ["exposure.kind", "nodePort"],
  ["exposure.hosts.objects", "https://objects.example.org"],
  ["exposure.gatewayApi.grpc", "plain"],
  ["network.peers.broker", [{}]],
  ["network.peers.broker", [{ ipBlock: { cidr: "10.0.0.1" } }]],
  ["network.peers.broker", [{ ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} }]],
  ["network.peers.anybody", []],
  ["network.ports.database", 65_536],
  ["network.ports.chain", []],
  ["monitoring.rules.thresholds.jobObjectiveSeconds", 500],
  ["monitoring.rules.thresholds.memoryShare", 90],
  ["dev.password", "x"],
];

/** Values of any shape. */
type Values = Record<string, unknown>;

/** What is read of a JSON schema. */
type Schema = {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
};

/**
 * The schema takes every CI value set and the chart's own defaults, refuses each bad value, and leaves no object open.
 * @returns the faults, and how many bad values were tried
 */
export async function refusedValues(
  chart: string,
  good: readonly string[],
): Promise<{ faults: string[]; tried: number }> {
  const schema = JSON.parse(await readFile(join(chart, "values.schema.json"), "utf8")) as Schema;
  const validate = new Ajv({ strict: false, allErrors: true, logger: false }).compile(schema);
  const read = async (file: string) => parse(await readFile(file, "utf8")) as Values;
  const defaults = await read(join(chart, "values.yaml"));
  const faults: string[] = [];
  if (!validate(defaults)) faults.push(`values.yaml itself is refused: ${told(validate.errors)}`);
  for (const file of good) {
    if (!validate(merge(defaults, await read(file))))
      faults.push(`${file} is refused: ${told(validate.errors)}`);
  }
  const minimal = merge(defaults, await read(good.find((file) => file.includes("minimal")) ?? ""));
  for (const [path, value] of refused) {
    if (validate(withValue(minimal, path.split("."), value))) {
      faults.push(`${path}: ${JSON.stringify(value)} is taken`);
    }
  }
  faults.push(...openObjects(schema).map((path) => `${path} takes keys that nobody named`));
  faults.push(
    ...undeclared(defaults, schema).map((path) => `${path} is in values.yaml and not in the schema`),
  );
  return { faults, tried: refused.length };
}

/** Lays values over others as Helm does: maps key by key, everything else whole. */
export function merge(under: Values, over: Values | null): Values {
  const merged = { ...under };
  for (const [key, value] of Object.entries(over ?? {})) {
    const below = merged[key];
    merged[key] = isMap(below) && isMap(value) ? merge(below, value) : value;
  }
  return merged;
}

const isMap = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function withValue(values: Values, [key = "", ...rest]: readonly string[], value: unknown): Values {
  const below = values[key];
  return {
    ...values,
    [key]: rest.length === 0 ? value : withValue(isMap(below) ? below : {}, rest, value),
  };
}

const told = (errors: typeof Ajv.prototype.errors) =>
  (errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`).join("; ");

/** Maps whose keys are the deployment's own words: annotations, labels, Helm's globals. */
const ownWords = /(annotations|labels|Labels|nodeSelector|Annotations|alertLabels|^global)$|(matchLabels)$/;

function openObjects(schema: Schema, path = ""): string[] {
  const below = (key: string) => (path === "" ? key : `${path}.${key}`);
  const own =
    schema.type === "object" && schema.additionalProperties !== false && !ownWords.test(path) ? [path] : [];
  return [
    ...own,
    ...Object.entries(schema.properties ?? {}).flatMap(([key, value]) => openObjects(value, below(key))),
    ...Object.values(schema.patternProperties ?? {}).flatMap((value) => openObjects(value, below("*"))),
    ...(schema.items ? openObjects(schema.items, below("[]")) : []),
    ...[...(schema.oneOf ?? []), ...(schema.anyOf ?? [])].flatMap((value) => openObjects(value, path)),
  ];
}

function undeclared(values: Values, schema: Schema, path = ""): string[] {
  return Object.entries(values).flatMap(([key, value]) => {
    const declared = schema.properties?.[key];
    const here = path === "" ? key : `${path}.${key}`;
    if (declared === undefined) return ownWords.test(path) ? [] : [here];
    return isMap(value) && declared.properties ? undeclared(value, declared, here) : [];
  });
}
