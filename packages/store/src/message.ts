/** How a message came to be sent: as things happen, while a mirror catches up, or on purpose a second time. */
export type MessageMode = "live" | "catchup" | "replay";

/** What travels beside the value. `messageId` names this fact for ever: a redelivery carries the same one. */
export type MessageHeaders = {
  readonly messageId: string;
  readonly producer: string;
  readonly mode: MessageMode;
  /** W3C trace context. */
  readonly traceparent?: string;
};

/** A message before a log has given it an offset. */
export type OutgoingMessage = {
  readonly topic: string;
  /** Messages of one key keep their order. */
  readonly key: string;
  /** Overrides the partition that the key would give; taken modulo the topic's partitions. */
  readonly partition?: number;
  readonly headers: MessageHeaders;
  readonly value: Uint8Array;
};
