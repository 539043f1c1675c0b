import { startKafkaCluster } from "./kafka-cluster.ts";
import type { Part } from "./part.ts";

/** A one-node Kafka with its data in `folder`; or the one that COS_PARTS_KAFKA names. */
export async function startKafka(folder: string, cache: string): Promise<Part> {
  const given = process.env.COS_PARTS_KAFKA;
  if (given) {
    return { name: "Kafka", version: "as given", env: { COS_PARTS_KAFKA: given }, stop: async () => {} };
  }
  const { version, addresses, stop } = await startKafkaCluster(folder, cache);
  return { name: "Kafka", version, env: { COS_PARTS_KAFKA: addresses.join(",") }, stop };
}
