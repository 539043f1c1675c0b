import { contractNames } from "../../../packages/chain/src/contract-names.ts";
import * as is from "./build.ts";
import { monitoringSchema } from "./monitoring-schema.ts";
import { type ServiceName, settingsSchema } from "./service-settings.ts";

const { object, list, record, name, secretKey, text, texts, flag, whole, oneOf } = is;

const secret = object({ existingSecret: name, key: secretKey });
const signingKey = object({
  existingSecret: name,
  key: secretKey,
  signerKeyId: is.matching("^[A-Za-z0-9._:/-]{0,256}$"),
});
const tls = object({ enabled: flag, existingSecret: name, clientCertificate: flag });
const rpc = object({
  url: is.orEmpty(is.plainUrl),
  existingSecret: name,
  key: secretKey,
  authoritySecret: name,
});
const byService = (value: is.Json, ...names: readonly string[]) =>
  object(Object.fromEntries(names.map((each) => [each, value])));

const scaling = object({
  kind: oneOf("fixed", "hpa"),
  minReplicas: whole(1, 1_000),
  maxReplicas: whole(1, 1_000),
  targetCpuPercent: whole(1, 100),
});
const pods = {
  resources: is.resources,
  maxUnavailable: is.away,
  terminationGraceSeconds: whole(1, 86_430),
  serviceAccountAnnotations: texts,
};
const service = (which: ServiceName, own: Readonly<Record<string, is.Json>>) =>
  object({ ...pods, settings: settingsSchema(which), ...own });
const scaled = { replicas: whole(1, 1_000), scaling };

const workers = {
  servesAny: flag,
  keysSecret: name,
  threads: whole(1, 256),
  drainSeconds: whole(0, 86_400),
  terminationGraceSeconds: pods.terminationGraceSeconds,
  settings: settingsSchema("fhe-worker"),
  resources: is.resources,
  maxUnavailable: is.away,
  nodeRegions: list(is.matching("^[A-Za-z0-9._-]{1,63}$")),
  nodeSelector: texts,
  tolerations: list(is.toleration),
  scaling: object({
    kind: oneOf("keda", "hpa", "fixed"),
    replicas: whole(0, 10_000),
    minReplicas: whole(0, 10_000),
    maxReplicas: whole(1, 10_000),
    lagThreshold: whole(1, 1_000_000),
    activationLagThreshold: whole(0, 1_000_000),
    pollingIntervalSeconds: whole(1, 3_600),
    cooldownSeconds: whole(0, 86_400),
    scaleDownStabilizationSeconds: whole(0, 3_600),
    targetCpuPercent: whole(1, 100),
  }),
};

const edge = byService(is.orEmpty(is.hostName), "objects", "gateway", "access", "settlement");

/** The schema of the chart's values. What values contradict each other, the chart itself says. */
export const valuesSchema = (): is.Json => ({
  $schema: "http://json-schema.org/draft-07/schema#",
  title: "Values of the chart cos",
  ...object({
    global: { type: "object" },
    nameOverride: is.matching("^[a-z0-9-]{0,40}$"),
    fullnameOverride: is.matching("^[a-z0-9-]{0,40}$"),
    image: object({
      repository: is.matching("^[a-z0-9]([a-zA-Z0-9.:/_-]*[a-z0-9])?$"),
      tag: is.matching("^[A-Za-z0-9._-]{0,128}$"),
      digest: is.matching("^(sha256:[0-9a-f]{64})?$"),
      pullPolicy: oneOf("Always", "IfNotPresent", "Never"),
      pullSecrets: list(name),
    }),
    chain: object({
      id: whole(0, Number.MAX_SAFE_INTEGER),
      rpc,
      secondRpc: rpc,
      // All of them, or none where a ConfigMap holds them.
      contracts: {
        anyOf: [
          object({}),
          object(Object.fromEntries(contractNames.map((each) => [each, is.address])), contractNames),
        ],
      },
      contractsConfigMap: name,
    }),
    broker: object({
      servers: list(is.hostPort, { uniqueItems: true }),
      patienceSeconds: whole(1, 3_600),
      tls,
      sasl: object({
        mechanism: oneOf("", "plain", "scram-sha-256", "scram-sha-512"),
        existingSecret: name,
      }),
    }),
    database: object({
      existingSecret: name,
      keys: byService(secretKey, "access", "gateway", "orchestrator", "settlement"),
      poolSize: whole(2, 200),
      oldestBackupDays: whole(1, 3_650),
      tls,
    }),
    objectStore: object({
      existingSecret: name,
      key: secretKey,
      publicUrl: is.orEmpty(is.plainUrl),
      authority: object({ existingSecret: name, key: secretKey }),
    }),
    cache: object({ existingSecret: name, key: secretKey, tls }),
    serviceToken: secret,
    tls: object({
      mode: oneOf("secrets", "certManager", "mesh"),
      existingSecrets: byService(name, "access", "gateway", "orchestrator", "settlement", "fheWorker"),
      certManager: object({
        issuer: object({ name, kind: oneOf("Issuer", "ClusterIssuer"), group: text }),
        duration: is.duration,
        renewBefore: is.duration,
      }),
    }),
    externalSecrets: object({
      enabled: flag,
      store: object({ name, kind: oneOf("SecretStore", "ClusterSecretStore") }),
      refreshInterval: is.duration,
      secrets: list(
        object(
          {
            name,
            data: list(
              object(
                {
                  secretKey,
                  remoteRef: object({ key: text, property: text, version: text }, ["key"]),
                },
                ["secretKey", "remoteRef"],
              ),
              { minItems: 1 },
            ),
          },
          ["name", "data"],
        ),
      ),
    }),
    telemetry: object({
      otelEndpoint: is.orEmpty(is.plainUrl),
      authoritySecret: name,
      fromWorkers: flag,
      sampleRatio: is.share,
      logLevel: oneOf("debug", "info", "warn", "error"),
    }),
    pods: object({
      listenHost: oneOf("0.0.0.0", "::"),
      annotations: texts,
      labels: texts,
      nodeSelector: texts,
      tolerations: list(is.toleration),
      spread: object({
        topologyKeys: list(is.matching("^[A-Za-z0-9./_-]+$"), { minItems: 1 }),
        maxSkew: whole(1, 100),
        whenUnsatisfiable: oneOf("ScheduleAnyway", "DoNotSchedule"),
      }),
    }),
    priorityClasses: object({
      create: flag,
      services: name,
      workers: name,
      servicesValue: whole(-1_000_000_000, 1_000_000_000),
      workersValue: whole(-1_000_000_000, 1_000_000_000),
    }),
    access: service("access", scaled),
    orchestrator: service("orchestrator", { ...scaled, operator: is.orEmpty(is.address) }),
    gateway: service("gateway", {
      ...scaled,
      publicUrl: is.matching("^(https?://[^\\s/?#@]+)?$"),
      address: is.orEmpty(is.address),
      signingKeys: object({
        existingSecret: name,
        key: secretKey,
        volume: object({
          existingClaim: name,
          storageClass: name,
          accessMode: oneOf("ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"),
          size: is.quantity,
        }),
      }),
      httpTls: object({ existingSecret: name }),
      oidcProviders: list(
        object({ issuer: is.plainUrl, clientId: is.matching("^.+$"), authoritySecret: name }, [
          "issuer",
          "clientId",
        ]),
      ),
    }),
    settlement: service("settlement", {
      keys: object({ settler: signingKey, usage: signingKey }),
      signer: object({
        url: is.orEmpty(is.matching("^https://[^\\s/?#@]+(/[^\\s?#@]*)?$")),
        tokenSecret: name,
        tokenKey: secretKey,
        authoritySecret: name,
      }),
    }),
    workers: object({
      common: object(workers),
      partitions: whole(1, 10_000),
      regions: record("^[a-z0-9]([a-z0-9-]{0,29}[a-z0-9])?$", object(workers)),
      serviceAccountAnnotations: texts,
    }),
    migration: object({
      enabled: flag,
      deadlineSeconds: whole(10, 86_400),
      retries: whole(0, 100),
      resources: is.resources,
    }),
    exposure: object({
      kind: oneOf("none", "loadBalancer", "ingress", "gatewayApi"),
      hosts: edge,
      loadBalancer: object({ annotations: texts, sourceRanges: list(text) }),
      ingress: object({ className: name, annotations: texts, grpcAnnotations: texts, tlsSecret: name }),
      gatewayApi: object({
        parentRefs: list(
          object({ group: text, kind: text, namespace: name, name, sectionName: name, port: is.port }, [
            "name",
          ]),
        ),
        className: name,
        tlsSecret: name,
        grpc: oneOf("passthrough", "terminate"),
        grpcTlsSecrets: byService(name, "gateway", "access", "settlement"),
        authorityConfigMap: name,
      }),
    }),
    network: object({
      enabled: flag,
      peers: byService(
        list(is.peer),
        ...["broker", "database", "objectStore", "cache", "chain"],
        ...["collector", "signer", "oidc", "people", "prometheus", "operators"],
      ),
      ports: object({
        database: is.port,
        objectStore: is.port,
        cache: is.port,
        chain: list(is.port, { minItems: 1, uniqueItems: true }),
        collector: is.port,
        signer: is.port,
        oidc: is.port,
      }),
      dns: object({ peers: list(is.peer, { minItems: 1 }), port: is.port }),
    }),
    monitoring: monitoringSchema,
    dev: object({
      enabled: flag,
      images: byService(is.matching("^\\S+$"), "kafka", "postgres", "objectStore", "redis", "chain"),
      storageClass: name,
      size: is.quantity,
      secretsAccessMode: oneOf("ReadWriteOnce", "ReadWriteMany"),
    }),
  }),
});
