/**
 * A failure of the log.
 * - `KAFKA_UNAVAILABLE`: no broker answered within the patience; try again later
 * - `UNKNOWN_TOPIC`: nobody has declared the topic
 * - `PARTITIONS_DIFFER`: the topic exists with another number of partitions
 * - `MESSAGE_TOO_LARGE`: a value is over the limit; trying again does not help
 * - `KAFKA_REFUSED`: the broker said no (authorisation, configuration); the cause says which
 * - `KAFKA_UNTRUSTED`: a broker's certificate is not to be believed, or it did not believe ours, or it speaks no TLS
 * - `LOG_CLOSED`
 */
export class KafkaError extends Error {
  readonly code: KafkaErrorCode;
  constructor(code: KafkaErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type KafkaErrorCode =
  | "KAFKA_UNAVAILABLE"
  | "UNKNOWN_TOPIC"
  | "PARTITIONS_DIFFER"
  | "MESSAGE_TOO_LARGE"
  | "KAFKA_REFUSED"
  | "KAFKA_UNTRUSTED"
  | "LOG_CLOSED";
