import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Cache, type CacheError, openRedisCache } from "@cos/cache";
import { type ContractAddresses, contractNames, openRpcProvider, type RemoteSigner } from "@cos/chain";
import {
  type KafkaEvent,
  type KafkaOptions,
  type MessageLog,
  openEmbeddedLog,
  openKafkaLog,
} from "@cos/messaging";
import { type ObjectStore, openEmbeddedObjects, openS3Store } from "@cos/objects";
import { asAddress } from "@cos/protocol";
import {
  type ConfigOf,
  createLogger,
  type Logger,
  type LogSink,
  openLogSink,
  openTlsWire,
  plaintextWire,
  readConfig,
  runService,
  type Settings,
  type Wire,
} from "@cos/service-host";
import {
  type Db,
  type Migrations,
  openEmbeddedStore,
  openPostgresStore,
  resendOutbox,
  type Store,
  type Tx,
} from "@cos/store";
import { openSpanSink, Telemetry, watchCertificates } from "@cos/telemetry";
import type { TlsMaterial } from "@cos/tls";
import type { JsonRpcProvider, Wallet } from "ethers";
import { z } from "zod";
import { kafkaSettings } from "./kafka-settings.ts";
import { partCertificates, type TlsPart } from "./part-certificates.ts";
import { type PartConfig, partSettings } from "./part-settings.ts";
import { readSecret } from "./read-secret.ts";
import { openSigningKey, readWallet, type SignerSettings } from "./signing-key.ts";
import { Unwinder } from "./unwinder.ts";
import { wireAuthority, wireFetch } from "./wire-authority.ts";

/** A composed service. */
type Service = { start(): Promise<void>; stop(): Promise<void> };

export type ServicePlan = {
  readonly name: string;
  /** Of the service's schema; a service without a database has none. */
  readonly migrations?: Migrations;
  /**
   * What the service does once when its schema is not the one that it wrote last: restored from a backup, or made anew
   * after a loss. In one transaction with the outbox's messages, which are all sent again; repeating it is allowed.
   */
  readonly restored?: (host: ServiceProcess, tx: Tx) => Promise<void>;
  compose(host: ServiceProcess): Promise<Service>;
};

/**
 * Runs one service as a process: reads its settings, hands it the parts that it asks for, stops in the opposite order on
 * SIGTERM. `compose` is given a host whose parts open when they are first asked for. With the argument `migrate` the
 * process brings the service's schema to its last step instead, and ends; with `restored` it does what docs/recovery.md
 * asks for after a loss, and ends.
 */
export async function runServiceProcess(plan: ServicePlan): Promise<void> {
  const { name, migrations, compose } = plan;
  const command = process.argv[2];
  if (command === "migrate") return runMigrations(name, migrations);
  if (command === "restored") return runRestored(plan);
  if (command !== undefined) throw new Error(`no such command: ${command} (migrate or restored)`);
  return runService(async () => {
    const ends = new Unwinder();
    try {
      const host = await ServiceProcess.open(name, readSettings(partSettings, "COS_", process.env), ends);
      const service = await compose(host);
      await service.start();
      ends.add(() => service.stop());
      return { stop: () => ends.unwind() };
    } catch (cause) {
      await ends.unwind().catch(() => {});
      throw cause;
    }
  });
}

/** The schema's steps, each once, in order; forward only. */
async function runMigrations(name: string, migrations: Migrations | undefined): Promise<void> {
  if (migrations === undefined) throw new Error(`${name} keeps no database`);
  const config = readSettings(partSettings, "COS_", process.env);
  const { databaseUrlFile } = config;
  if (databaseUrlFile === undefined)
    throw new Error("COS_DATABASE_URL_FILE is not set; embedded stores migrate by themselves");
  const ends = new Unwinder();
  const tls = await partCertificates("database", config, ends);
  const store = openPostgresStore({
    url: await readSecret(databaseUrlFile),
    ...(tls ? { tls } : {}),
    applicationName: `cos-migrate-${name}`,
    migrations: "run",
    statementTimeoutMs: 0,
  });
  try {
    await store.schema(name).migrate(migrations);
  } finally {
    await store.close();
    await ends.unwind();
  }
}

/** The service is not at work: it ends what the lost life of its schema may have promised. */
async function runRestored({ name, migrations, restored }: ServicePlan): Promise<void> {
  if (migrations === undefined) throw new Error(`${name} keeps no database`);
  const ends = new Unwinder();
  try {
    const host = await ServiceProcess.open(name, readSettings(partSettings, "COS_", process.env), ends);
    const db = await host.db();
    await db.migrate(migrations);
    await db.inTransaction(async (tx) => {
      await restored?.(host, tx);
      await resendOutbox(tx);
    });
  } finally {
    await ends.unwind();
  }
}

/** The parts of one process. Each opens once, when it is first asked for, and is closed when the process ends. */
export class ServiceProcess {
  readonly config: PartConfig;
  readonly telemetry: Telemetry;
  readonly #name: string;
  readonly #ends: Unwinder;
  readonly #sink: LogSink;
  #store: Promise<Store> | undefined;
  #log: Promise<MessageLog> | undefined;
  #objects: Promise<ObjectStore> | undefined;
  #provider: Promise<JsonRpcProvider> | undefined;
  #secondProvider: Promise<JsonRpcProvider> | undefined;

  /** @throws TlsSettingError when the collector's authority cannot be used */
  static async open(name: string, config: PartConfig, ends: Unwinder): Promise<ServiceProcess> {
    const { otelCaFile, otelEndpoint } = config;
    const collector = await wireAuthority("COS_OTEL_CA_FILE", otelCaFile, otelEndpoint, ends);
    return new ServiceProcess(name, config, ends, collector);
  }

  private constructor(name: string, config: PartConfig, ends: Unwinder, collector: TlsMaterial | undefined) {
    this.#name = name;
    this.config = config;
    this.#ends = ends;
    this.#sink = openLogSink(config.logFile);
    ends.add(() => this.#sink.flush());
    const spans = openSpanSink({
      name,
      endpoint: config.otelEndpoint,
      endpointTls: collector,
      folder: config.otelFolder,
      sampleRatio: config.otelSampleRatio,
    });
    ends.add(() => spans.close());
    this.telemetry = new Telemetry({ service: name, sink: spans });
    ends.add(() => this.telemetry.close());
  }

  /** Unix seconds. */
  readonly now = (): number => Math.floor(Date.now() / 1000);

  settings<T extends Settings>(settings: T, prefix: string): ConfigOf<T> {
    return readSettings(settings, prefix, process.env);
  }

  logger<E extends string>(): Logger<E> {
    return createLogger<E>(this.#name, this.#sink, this.config.logLevel);
  }

  /** The service's own schema. */
  async db(): Promise<Db> {
    return (await this.#openStore()).schema(this.#name);
  }

  log(): Promise<MessageLog> {
    this.#log ??= this.#openLog();
    return this.#log;
  }

  /**
   * What the processes of a cluster share and may lose; undefined where no setting names one.
   * @param onState told when it stops answering and when it answers again
   */
  async cache(
    onState: (state: "lost" | "found", reason?: CacheError["code"]) => void,
  ): Promise<Cache | undefined> {
    const { cacheUrlFile } = this.config;
    if (cacheUrlFile === undefined) return undefined;
    const onFailure = () => this.telemetry.metrics.count("cacheFailures", {});
    const tls = await this.certificates("cache");
    const url = await readSecret(cacheUrlFile);
    const cache = openRedisCache({ url, ...(tls ? { tls } : {}), onState, onFailure });
    this.#ends.add(() => cache.close());
    return cache;
  }

  /** What the wire of a part believes and shows, by files; undefined where none is named. */
  certificates(part: TlsPart): Promise<TlsMaterial | undefined> {
    return partCertificates(part, this.config, this.#ends);
  }

  /** @param createBucket makes the bucket when it is not there: a deployment's first step, not a service's */
  objects({ createBucket = false } = {}): Promise<ObjectStore> {
    this.#objects ??= this.#openObjects(createBucket);
    return this.#objects;
  }

  /** @throws TlsSettingError when the authority of its node cannot be used */
  async provider(): Promise<JsonRpcProvider> {
    const url = this.#nodeUrl("rpcUrl") ?? this.#needed("rpcUrl");
    this.#provider ??= this.#openProvider(url, "COS_RPC_CA_FILE", this.config.rpcCaFile);
    return this.#provider;
  }

  /** The independent provider's node, where one is set. */
  async secondProvider(): Promise<JsonRpcProvider | undefined> {
    const url = this.#nodeUrl("secondRpcUrl");
    if (url === undefined) return undefined;
    this.#secondProvider ??= this.#openProvider(url, "COS_SECOND_RPC_CA_FILE", this.config.secondRpcCaFile);
    return this.#secondProvider;
  }

  async addresses(): Promise<ContractAddresses> {
    const text = await readFile(this.#needed("deploymentFile"), "utf8");
    const given = z.record(z.string(), z.string()).parse(JSON.parse(text));
    const entries = contractNames.map((name) => [name, asAddress(given[name] ?? "")] as const);
    return Object.fromEntries(entries) as ContractAddresses;
  }

  async serviceToken(): Promise<string> {
    return readSecret(this.#needed("serviceTokenFile"));
  }

  /** How gRPC runs: under TLS where files are named, in the clear otherwise, and then on the loopback only unless allowed. */
  async wire(): Promise<Wire> {
    const { tlsCertFile: certFile, tlsKeyFile: keyFile, tlsCaFile: caFile, plaintext } = this.config;
    if (certFile === undefined && keyFile === undefined && caFile === undefined) {
      return plaintextWire({ anywhere: plaintext });
    }
    if (certFile === undefined || keyFile === undefined || caFile === undefined) {
      throw new Error(
        "COS_TLS_CERT_FILE, COS_TLS_KEY_FILE and COS_TLS_CA_FILE are set together or not at all",
      );
    }
    const wire = await openTlsWire({ certFile, keyFile, caFile });
    this.#ends.add(() => wire.close());
    if (wire.self !== this.#name) throw new Error(`the TLS certificate is not for ${this.#name}`);
    watchCertificates(this.telemetry, { server: certFile, authority: caFile });
    return wire;
  }

  /** A secp256k1 key from its file. */
  wallet(file: string): Promise<Wallet> {
    return readWallet(file);
  }

  /** A key in a file, or one that a signer holds and never shows; `signing-key.ts` has the settings and faults. */
  signer(setting: string, signer: string, settings: SignerSettings): Promise<Wallet | RemoteSigner> {
    return openSigningKey(setting, signer, settings, this.#ends);
  }

  async #openStore(): Promise<Store> {
    this.#store ??= this.#firstStore();
    return this.#store;
  }

  async #firstStore(): Promise<Store> {
    const { databaseUrlFile, databasePoolSize } = this.config;
    if (databaseUrlFile !== undefined) {
      const url = await readSecret(databaseUrlFile);
      const tls = await this.certificates("database");
      const store = openPostgresStore({
        url,
        ...(tls ? { tls } : {}),
        applicationName: `cos-${this.#name}`,
        poolSize: databasePoolSize,
      });
      this.#ends.add(() => store.close());
      return store;
    }
    const store = await openEmbeddedStore({ dataDir: join(this.#needed("dataDir"), "store") });
    this.#ends.add(() => store.close());
    return store;
  }

  async #openLog(): Promise<MessageLog> {
    if (this.config.brokers !== undefined) {
      const log = await openKafkaLog(await this.#kafkaOptions());
      this.#ends.add(() => log.close());
      return log;
    }
    const log = await openEmbeddedLog({
      store: await this.#openStore(),
      oldestBackupDays: this.config.oldestBackupDays,
    });
    this.#ends.add(() => log.close());
    return log;
  }

  async #kafkaOptions(): Promise<KafkaOptions> {
    const logger = this.logger<`broker.${KafkaEvent["type"]}`>();
    return {
      ...(await kafkaSettings(this.config, await this.certificates("brokers"))),
      clientId: `cos-${this.#name}`,
      onEvent: ({ type, group, topic, reason, partitions }) =>
        logger[type === "rebalanced" ? "info" : "warn"](`broker.${type}`, {
          reason,
          ...(group === undefined ? {} : { consumer: group }),
          ...(topic === undefined ? {} : { topic }),
          ...(partitions === undefined ? {} : { count: partitions }),
        }),
    };
  }

  async #openObjects(createBucket: boolean): Promise<ObjectStore> {
    const { objectStoreUrlFile, objectStorePublicUrl } = this.config;
    if (objectStoreUrlFile !== undefined) {
      const tls = await this.certificates("objectStore");
      const store = await openS3Store({
        ...(tls ? { tls } : {}),
        url: await readSecret(objectStoreUrlFile),
        createBucket,
        ...(objectStorePublicUrl === undefined ? {} : { publicUrl: objectStorePublicUrl }),
      });
      this.#ends.add(() => store.close());
      return store;
    }
    const dataDir = join(this.#needed("dataDir"), "objects");
    const objects = await openEmbeddedObjects({ dataDir, now: this.now });
    this.#ends.add(() => objects.close());
    return objects.store;
  }

  /** Read once: who changes a provider's key restarts. */
  #nodeUrl(key: "rpcUrl" | "secondRpcUrl"): string | undefined {
    const file = this.config[`${key}File`];
    if (file === undefined) return this.config[key];
    const text = readFileSync(file, "utf8").trim();
    if (!URL.canParse(text)) throw new Error(`the file of ${key} holds no URL`);
    return text;
  }

  async #openProvider(url: string, setting: string, caFile: string | undefined): Promise<JsonRpcProvider> {
    const call = await wireFetch(setting, caFile, url, this.#ends);
    const provider = openRpcProvider(url, { chainId: this.config.chainId, fetch: call });
    this.#ends.add(() => provider.destroy());
    return provider;
  }

  /** A setting that this process cannot do without. */
  #needed(key: "dataDir" | "rpcUrl" | "deploymentFile" | "serviceTokenFile"): string {
    const value = this.config[key];
    if (value !== undefined) return value;
    const variable = `COS_${key.replace(/([a-z0-9])([A-Z])/g, "$1_$2").toUpperCase()}`;
    throw new Error(`${variable} is not set (${partSettings[key].meaning})`);
  }
}

function readSettings<T extends Settings>(
  settings: T,
  prefix: string,
  environment: Readonly<Record<string, string | undefined>>,
): ConfigOf<T> {
  const read = readConfig(settings, prefix, environment);
  if (read.ok) return read.value;
  const faults = read.error.faults.map(({ key, rule, meaning }) => `${key} (${meaning}): ${rule}`);
  throw new Error(`bad settings\n${faults.join("\n")}`);
}
