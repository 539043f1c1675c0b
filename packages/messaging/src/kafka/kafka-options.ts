import type { TlsMaterial } from "@cos/tls";

/** How to reach a Kafka cluster, and how patient to be. */
export type KafkaOptions = {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  /** Names this process in the brokers' logs and quotas. */
  readonly clientId: string;
  /** TLS to the brokers, whose certificates and names are checked; in the clear when left out. */
  readonly tls?: TlsMaterial;
  readonly sasl?: {
    readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
    readonly username: string;
    readonly password: string;
  };
  /** Copies of a topic that `declare` makes; default 3, or one per broker where there are fewer. */
  readonly replicationFactor?: number;
  /** Copies that must have a message before it counts as published; default 2 of 3, 1 of fewer. */
  readonly minInsyncReplicas?: number;
  /** Largest value of one message; default 900 KiB, under a broker's usual 1 MiB. */
  readonly maxMessageBytes?: number;
  /** A member that is not heard of for so long has lost its partitions; default 15 s. */
  readonly sessionTimeoutMs?: number;
  /** Default 1 s. A rebalance waits for the slowest member's next heartbeat. */
  readonly heartbeatMs?: number;
  /** A consumer that makes no progress for so long although brokers answer is rebuilt; default 30 s. */
  readonly stallMs?: number;
  /** How long `declare`, `publish` and `lag` try before they fail with `KAFKA_UNAVAILABLE` or `KAFKA_UNTRUSTED`; default 60 s. */
  readonly patienceMs?: number;
  /** Age of the oldest backup that a service may be restored from: its outbox then sends again; default 30 days. */
  readonly oldestBackupDays?: number;
  /** Messages read ahead per partition; default 256. */
  readonly readAhead?: number;
  /** What an operator should hear of. */
  onEvent?(event: KafkaEvent): void;
};

/** References only, never a payload. */
export type KafkaEvent = {
  /**
   * `consumer-rebuilt`: crashed or stalled, and joins again. `producer-replaced`: after a failed send. `rebalanced`: the
   * group's partitions were dealt again.
   */
  readonly type: "consumer-rebuilt" | "producer-replaced" | "rebalanced";
  readonly group?: string;
  readonly topic?: string;
  /** A stable code. */
  readonly reason: string;
  /** Partitions that the member now has, of a `rebalanced`. */
  readonly partitions?: number;
};
