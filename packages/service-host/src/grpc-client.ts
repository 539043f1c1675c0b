import {
  Client,
  type ClientOptions,
  credentials,
  status as grpcStatus,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { context, propagation, type Span, SpanKind, trace } from "@opentelemetry/api";

export type { GrpcDefinition } from "./grpc-types.ts";

import type { GrpcDefinition, MethodDefinition, RequestOf, ResponseOf } from "./grpc-types.ts";
import { fromServiceError } from "./rpc-fault.ts";
import type { Wire } from "./wire/wire.ts";

/** Per call: metadata such as `authorization`, a deadline, and a signal that cancels. */
export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

export type GrpcClient<D extends GrpcDefinition> = {
  readonly [M in keyof D]: D[M]["responseStream"] extends true
    ? (request: RequestOf<D[M]>, options?: CallOptions) => AsyncIterable<ResponseOf<D[M]>>
    : (request: RequestOf<D[M]>, options?: CallOptions) => Promise<ResponseOf<D[M]>>;
} & { close(): void };

/** 30 s: longer than any unary rpc of COS should take. Streams have no deadline unless the caller sets one. */
const defaultDeadlineMs = 30_000;

/**
 * A typed client of one service: unary rpcs as promises, server streams as async iterables.
 *
 * @param address `host:port`
 * @param options `wire`: how the service is reached; in the clear when left out
 * @param always  metadata that every call carries, for instance a service token; a function is asked at each call
 * @errors every failed call throws an `RpcFault` with the server's code and facts
 */
export function createGrpcClient<D extends GrpcDefinition>(
  definition: D,
  address: string,
  always: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>) = {},
  { wire, ...options }: Partial<ClientOptions> & { readonly wire?: Wire | undefined } = {},
): GrpcClient<D> {
  const client = new Client(
    address,
    wire?.clientCredentials(definition, address) ?? credentials.createInsecure(),
    {
      // The certificate's SAN is what is checked; a name is sent because an address may not be.
      ...(wire?.knowsCallers === true ? { "grpc.ssl_target_name_override": "cos.internal" } : {}),
      "grpc.keepalive_time_ms": 60_000,
      "grpc.keepalive_timeout_ms": 10_000,
      "grpc.max_receive_message_length": 16 * 1024 * 1024,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2_000,
      ...options,
    },
  );
  const metadataFor = (call: CallOptions) => {
    const metadata = new Metadata();
    const shared = typeof always === "function" ? always() : always;
    for (const [key, value] of Object.entries({ ...shared, ...call.metadata })) metadata.set(key, value);
    return metadata;
  };
  const methods = Object.entries(definition).map(([name, method]) => [
    name,
    method.responseStream
      ? (request: unknown, call: CallOptions = {}) =>
          openStream(client, method, request, metadataFor(call), call)
      : (request: unknown, call: CallOptions = {}) =>
          callUnary(client, method, request, metadataFor(call), call),
  ]);
  return { ...Object.fromEntries(methods), close: () => client.close() } as GrpcClient<D>;
}

function callUnary(
  client: Client,
  method: MethodDefinition,
  request: unknown,
  metadata: Metadata,
  { deadlineMs = defaultDeadlineMs, signal }: CallOptions,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const span = startCallSpan(method, metadata);
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      metadata,
      { deadline: Date.now() + deadlineMs },
      (error, response) => {
        signal?.removeEventListener("abort", cancel);
        span?.setAttribute("rpc.grpc.status", grpcStatus[error?.code ?? grpcStatus.OK] ?? "UNKNOWN");
        span?.end();
        if (error) reject(fromServiceError(error));
        else resolve(response);
      },
    );
    const cancel = () => call.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
  });
}

async function* openStream(
  client: Client,
  method: MethodDefinition,
  request: unknown,
  metadata: Metadata,
  { deadlineMs, signal }: CallOptions,
): AsyncIterable<unknown> {
  signal?.throwIfAborted();
  const span = startCallSpan(method, metadata);
  const deadline = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    metadata,
    deadline,
  );
  const cancel = () => call.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    yield* call;
  } catch (error) {
    throw fromServiceError(error as ServiceError);
  } finally {
    signal?.removeEventListener("abort", cancel);
    span?.end();
    call.cancel();
  }
}

/** A span of a call that belongs to a trace; the server's becomes its child. Without a trace, or telemetry, nothing. */
function startCallSpan({ path }: MethodDefinition, metadata: Metadata): Span | undefined {
  const running = context.active();
  if (trace.getSpan(running) === undefined) return undefined;
  const [, service = "", rpc = ""] = path.split("/");
  const attributes = { "rpc.system": "grpc", "rpc.service": service, "rpc.method": rpc };
  const span = trace
    .getTracer("cos.grpc-client")
    .startSpan(path.slice(1), { kind: SpanKind.CLIENT, attributes }, running);
  propagation.inject(trace.setSpan(running, span), metadata, { set: (to, key, value) => to.set(key, value) });
  return span;
}
