import { randomBytes } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { KafkaBroker } from "./kafka-broker.ts";
import { startKafkaCluster } from "./kafka-cluster.ts";
import { kafkaTlsSettings } from "./kafka-tls.ts";
import { runPostgres } from "./postgres.ts";
import { runRedis } from "./redis.ts";
import { runMinio } from "./s3.ts";
import type { ServerProcess } from "./server-process.ts";
import type { ServerTls } from "./server-tls.ts";

/** Parts that speak TLS only, and settings by which a service reaches them. */
export type SecureParts = {
  readonly kafka: string;
  /** A superuser's. */
  readonly postgres: string;
  /** Without a bucket. */
  readonly s3: string;
  readonly redis: string;
  readonly servers: Readonly<Record<"postgres" | "redis" | "s3", ServerProcess>>;
  readonly broker: KafkaBroker;
  /** `COS_*` beside the parts' places: authorities, certificates and the brokers' password, by file. */
  readonly settings: Readonly<Record<string, string>>;
  stop(): Promise<void>;
};

/** Kafka, Postgres, Redis and MinIO under one server certificate; those that can ask clients for a certificate do. */
export async function startSecureParts(
  folder: string,
  cache: string,
  tls: Required<ServerTls>,
): Promise<SecureParts> {
  await chmod(folder, 0o711); // a database server runs as another user than root
  const [user, password] = ["cos", randomBytes(16).toString("hex")];
  const saslFile = join(folder, "brokers.password");
  await writeFile(saslFile, `${user}:${password}\n`, { mode: 0o600 });
  const own = async (name: string) => {
    const path = join(folder, name);
    await mkdir(path, { recursive: true });
    return path;
  };
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => void (await Promise.allSettled(stops.map((each) => each())));
  try {
    const startKafka = async () => {
      const kafkaFolder = await own("kafka");
      const settings = await kafkaTlsSettings(tls, { folder: kafkaFolder, user, password });
      const started = await startKafkaCluster(kafkaFolder, cache, { settings });
      stops.push(() => started.stop());
      return started;
    };
    const start = async (name: string, run: typeof runPostgres | typeof runRedis | typeof runMinio) => {
      const started = await run(await own(name), cache, tls);
      stops.push(() => started.server.stop());
      return started;
    };
    const starting = [
      startKafka(),
      start("postgres", runPostgres),
      start("redis", runRedis),
      start("minio", runMinio),
    ] as const;
    await Promise.allSettled(starting); // whatever failed, what did start is stopped below
    const [cluster, postgres, redis, s3] = await Promise.all(starting);
    const part = (name: string, mutual: boolean) => ({
      [`COS_${name}_CA_FILE`]: tls.caFile,
      ...(mutual && {
        [`COS_${name}_CERT_FILE`]: tls.mutual.certFile,
        [`COS_${name}_KEY_FILE`]: tls.mutual.keyFile,
      }),
    });
    return {
      kafka: cluster.addresses.join(","),
      postgres: postgres.url,
      s3: s3.url,
      redis: redis.url,
      servers: { postgres: postgres.server, redis: redis.server, s3: s3.server },
      broker: cluster.brokers[0]!,
      settings: {
        ...part("DATABASE", true),
        ...part("BROKERS", true),
        ...part("CACHE", true),
        ...part("OBJECT_STORE", false),
        COS_BROKERS_SASL: "plain",
        COS_BROKERS_SASL_FILE: saslFile,
      },
      stop,
    };
  } catch (cause) {
    await stop();
    throw cause;
  }
}
