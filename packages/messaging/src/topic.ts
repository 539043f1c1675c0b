import type { MessageHeaders, OutgoingMessage } from "@cos/store";

/** A stream of one protobuf message type; its name is `<context>.<aggregate>.v<major>`. */
export interface Topic<T> {
  readonly name: string;
  /** Fixed for the topic's life: a key's partition follows from it. */
  readonly partitions: number;
  /** How long a broker keeps its messages; Infinity for ever. Only said when the topic is made. */
  readonly retentionDays: number;
  encode(event: T): Uint8Array;
  /** @throws when the bytes are no such message */
  decode(value: Uint8Array): T;
  /** The aggregate's id: events of one key arrive in order. */
  key(event: T): string;
  /** False for a `oneof` case of a later version: the reader must be updated, not the event dropped. */
  isKnown(event: T): boolean;
}

/** What ts-proto generates for a message. */
export type ProtoCodec<T> = {
  encode(message: T): { finish(): Uint8Array };
  decode(input: Uint8Array): T;
};

/** Declares a topic whose value is a message with a `oneof event` of past-tense events. */
export function defineTopic<T extends { readonly event: unknown }>(definition: {
  readonly name: string;
  readonly codec: ProtoCodec<T>;
  readonly key: (event: T) => string;
  /** Default 8. A work queue wants several per worker, an ordered log of one key only 1. */
  readonly partitions?: number;
  /** Default 30: outlasts a restore from an older backup. */
  readonly retentionDays?: number;
}): Topic<T> {
  const { name, codec, key, partitions = 8, retentionDays = 30 } = definition;
  return {
    name,
    partitions,
    retentionDays,
    key,
    encode: (event) => codec.encode(event).finish(),
    decode: (value) => codec.decode(value),
    isKnown: ({ event }) => event !== undefined,
  };
}

/** An event as a message, ready for the outbox. */
export function toMessage<T>(
  topic: Topic<T>,
  event: T,
  headers: Omit<MessageHeaders, "mode"> & { readonly mode?: MessageHeaders["mode"] },
  options: { readonly partition?: number } = {},
): OutgoingMessage {
  return {
    topic: topic.name,
    key: topic.key(event),
    value: topic.encode(event),
    headers: { ...headers, mode: headers.mode ?? "live" },
    ...options,
  };
}
