export type { MessageHeaders, MessageMode, OutgoingMessage } from "@cos/store";
export * from "./consumer.ts";
export { openEmbeddedLog } from "./embedded/open-embedded-log.ts";
export type * from "./message-log.ts";
export { type OutboxRelay, startOutboxRelay } from "./outbox-relay.ts";
export { partitionOf } from "./partition-of.ts";
export { defaultRetryPolicy, type RetryPolicy } from "./retry-policy.ts";
export * from "./run-consumer.ts";
export { defineTopic, type ProtoCodec, type Topic, toMessage } from "./topic.ts";
