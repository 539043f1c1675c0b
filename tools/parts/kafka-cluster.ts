import { join } from "node:path";
import { freePorts } from "@cos/service-host/free-ports";
import { type BrokerPlace, KafkaBroker } from "./kafka-broker.ts";
import { kafkaFiles } from "./kafka-jars.ts";

/** One id for all: a folder that was used before is used again. */
const clusterId = "Y29zLXBhcnRzLWthZmthMQ";

/** Kafka nodes of one cluster on this machine. */
export type KafkaCluster = {
  readonly version: string;
  readonly brokers: readonly KafkaBroker[];
  /** host:port of every node. */
  readonly addresses: readonly string[];
  /** Ends every node at once; data stay. */
  stop(): Promise<void>;
};

/**
 * Starts a cluster in `folder`, on free ports.
 * @param options.nodes 1, or 3 to lose one
 * @param options.settings broker settings beside the usual
 */
export async function startKafkaCluster(
  folder: string,
  cache: string,
  options: { readonly nodes?: number; readonly settings?: Readonly<Record<string, string | number>> } = {},
): Promise<KafkaCluster> {
  const { nodes = 1, settings = {} } = options;
  const files = await kafkaFiles(cache);
  const ports = await freePorts(2 * nodes);
  const all: BrokerPlace[] = Array.from({ length: nodes }, (_, at) => ({
    id: at + 1,
    port: ports[2 * at]!,
    controllerPort: ports[2 * at + 1]!,
  }));
  const brokers = await Promise.all(
    all.map((place) =>
      KafkaBroker.prepare({
        files,
        folder: join(folder, `kafka-${place.id}`),
        clusterId,
        place,
        all,
        settings,
      }),
    ),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(brokers.map((broker) => broker.kill()));
  };
  try {
    await Promise.all(brokers.map((broker) => broker.start()));
  } catch (cause) {
    await stop();
    throw cause;
  }
  return { version: files.version, brokers, addresses: brokers.map((one) => one.address), stop };
}
