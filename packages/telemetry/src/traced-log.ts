import type { MessageLog, ReceivedMessage, SubscribeOptions } from "@cos/messaging";
import { context } from "@opentelemetry/api";
import { activeTraceparent } from "./context.ts";
import { overriding } from "./overriding.ts";
import type { Telemetry } from "./telemetry.ts";

/**
 * A log whose messages carry their trace: what is published without one gets that of the running code, and a handler runs
 * in a span below the message's. Its subscriptions are timed, and their lag is read at each scrape.
 */
export function tracedLog(telemetry: Telemetry, log: MessageLog): MessageLog {
  const { metrics } = telemetry;
  const followed = new Map<string, { readonly group: string; readonly topic: string }>();
  metrics.collect("consumer-lag", async (set) => {
    for (const { group, topic } of followed.values()) {
      set("consumerLag", { consumer: group, topic }, await log.lag(group, topic));
    }
  });
  return overriding(log, {
    publish: async (messages) => {
      const traceparent = activeTraceparent(context.active());
      await log.publish(
        traceparent === undefined
          ? messages
          : messages.map((message) => ({ ...message, headers: { traceparent, ...message.headers } })),
      );
      for (const { topic } of messages) metrics.count("messagesPublished", { topic });
    },
    subscribe: async (options) => {
      followed.set(`${options.group} ${options.topic}`, options);
      return log.subscribe({
        ...options,
        handle: (message, signal) => handle(telemetry, options, message, signal),
      });
    },
  });
}

async function handle(
  telemetry: Telemetry,
  { group: consumer, topic, handle }: SubscribeOptions,
  message: ReceivedMessage,
  signal: AbortSignal,
): Promise<void> {
  const { headers, partition } = message;
  const attributes = {
    "cos.topic": topic,
    "cos.consumer": consumer,
    "cos.partition": partition,
    "cos.message_id": headers.messageId,
    "cos.producer": headers.producer,
    "cos.mode": headers.mode,
  };
  const began = performance.now();
  let outcome = "failed";
  try {
    await telemetry.remoteSpan(
      headers.traceparent,
      `${consumer} handle`,
      { kind: "consumer", attributes },
      () => handle(message, signal),
    );
    outcome = "done";
  } finally {
    telemetry.metrics.observe(
      "consumedSeconds",
      { consumer, topic, outcome },
      (performance.now() - began) / 1000,
    );
  }
}
