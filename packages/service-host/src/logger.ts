import { isSpanContextValid, trace } from "@opentelemetry/api";
import { type DestinationStream, destination, pino } from "pino";

/**
 * The only fields that a log line may carry. Identifiers, counts and codes: never a key, a genotype, a phenotype, a
 * sample id, a ciphertext, a request body or an environment value. Fields outside this list are dropped.
 */
const allowedFields = [
  "jobId",
  "permitId",
  "taskId",
  "messageId",
  "traceId",
  "datasetId",
  "grantId",
  "ticketId",
  "sessionId",
  "businessId",
  "algorithmId",
  "digest",
  "code",
  "reason",
  "state",
  "rpc",
  "route",
  "topic",
  "consumer",
  "worker",
  "region",
  "address",
  "url",
  "engine",
  "version",
  "blockNumber",
  "blockHash",
  "transactionHash",
  "head",
  "confirmed",
  "finalized",
  "nonce",
  "attempt",
  "count",
  "tasks",
  "replicas",
  "fence",
  "sizeBytes",
  "durationMs",
  "lagBlocks",
  "lagMs",
  "stage",
  "clause",
  "signal",
  "pid",
  "errorName",
] as const;

export type LogFields = Partial<Record<(typeof allowedFields)[number], string | number | bigint | boolean>>;

/** A service's logger; lines carry the running trace's id by themselves. Event names come from the service's own closed list `E`. */
export interface Logger<E extends string = string> {
  debug(event: E, fields?: LogFields): void;
  info(event: E, fields?: LogFields): void;
  warn(event: E, fields?: LogFields): void;
  error(event: E, fields?: LogFields): void;
}

export interface LogSink {
  readonly stream: DestinationStream;
  flush(): void;
}

/** Lines as JSON to a file (created 0600) or, without one, to standard output. */
export function openLogSink(file?: string): LogSink {
  const stream = destination({
    ...(file === undefined ? { dest: 1 } : { dest: file, mode: 0o600, mkdir: true }),
    sync: true,
  });
  return { stream, flush: () => stream.flushSync() };
}

export function createLogger<E extends string>(service: string, sink: LogSink, level = "info"): Logger<E> {
  const lines = pino(
    { level, base: { service }, messageKey: "event", timestamp: pino.stdTimeFunctions.isoTime },
    sink.stream,
  );
  const write =
    (at: "debug" | "info" | "warn" | "error") =>
    (event: E, fields: LogFields = {}) => {
      const traced = { traceId: activeTraceId(), ...fields };
      const kept = allowedFields.flatMap((name) => {
        const value = traced[name];
        return value === undefined
          ? []
          : [[name, typeof value === "bigint" ? value.toString() : value] as const];
      });
      lines[at](Object.fromEntries(kept), event);
    };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/** The trace that the running code belongs to. */
function activeTraceId(): string | undefined {
  const running = trace.getActiveSpan()?.spanContext();
  return running !== undefined && isSpanContextValid(running) ? running.traceId : undefined;
}

/** For tests and tools that want no lines. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
