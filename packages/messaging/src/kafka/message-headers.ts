import type { MessageHeaders, MessageMode } from "@cos/store";

const modes: readonly string[] = ["live", "catchup", "replay"] satisfies MessageMode[];

export const toKafkaHeaders = ({
  messageId,
  producer,
  mode,
  traceparent,
}: MessageHeaders): Record<string, string> => ({
  "message-id": messageId,
  producer,
  mode,
  ...(traceparent === undefined ? {} : { traceparent }),
});

/**
 * Reads the headers of a message. One that somebody else wrote without them is named after its place, so that its
 * consumers can still tell a redelivery and park it.
 */
export function fromKafkaHeaders(read: (name: string) => string | undefined, place: string): MessageHeaders {
  const mode = read("mode") ?? "";
  const traceparent = read("traceparent");
  return {
    messageId: read("message-id") ?? place,
    producer: read("producer") ?? "unknown",
    mode: modes.includes(mode) ? (mode as MessageMode) : "live",
    ...(traceparent === undefined ? {} : { traceparent }),
  };
}
