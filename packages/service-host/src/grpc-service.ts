import "reflect-metadata";
import { status as grpcStatus, type Metadata, type ServerUnaryCall } from "@grpc/grpc-js";
import { Controller, type Type } from "@nestjs/common";
import { GrpcMethod, RpcException } from "@nestjs/microservices";
import { Observable } from "rxjs";
import { type CallContext, type GrpcDefinition, type GrpcHandlers, serviceNameOf } from "./grpc-types.ts";
import { RpcFault, toServiceError } from "./rpc-fault.ts";

/** A gRPC service ready to be hosted: its generated definition and a Nest controller that answers it. */
export interface GrpcService {
  readonly name: string;
  readonly definition: GrpcDefinition;
  readonly controller: Type;
}

export interface GrpcServiceOptions {
  /** Runs before every rpc; throws an `RpcFault` to refuse the call. */
  readonly guard?: (call: CallContext) => void | Promise<void>;
  /** Told of errors that are nobody's refusal; the caller sees INTERNAL and nothing more. */
  readonly onBug?: (rpc: string, error: unknown) => void;
}

/** Stands for a request whose bytes are no message of its type. */
const malformed = Symbol("malformed");

/**
 * The definition with requests that are read without throwing: grpc-js would answer INTERNAL to bytes that are no
 * message, which is for faults of ours and not of callers.
 */
export const withTypedFaults = (definition: GrpcDefinition): GrpcDefinition =>
  Object.fromEntries(
    Object.entries(definition).map(([rpc, method]) => [
      rpc,
      {
        ...method,
        requestDeserialize: (bytes: Buffer) => readOr(malformed, method.requestDeserialize, bytes),
      },
    ]),
  );

function readOr<T>(otherwise: T, read: (bytes: Buffer) => unknown, bytes: Buffer): unknown {
  try {
    return read(bytes);
  } catch {
    return otherwise;
  }
}

function refuseMalformed(request: unknown): void {
  if (request === malformed) throw new RpcFault("INVALID_ARGUMENT", "MALFORMED_MESSAGE");
}

type NativeCall = ServerUnaryCall<unknown, unknown>;
type AnyHandler = (request: unknown, call: CallContext) => Promise<unknown> | AsyncIterable<unknown>;

/**
 * Makes a Nest gRPC controller from plain functions, one an rpc, checked against the generated definition: a renamed rpc
 * fails to compile. Nest's decorators are applied as the functions that they are (ADR 0001).
 */
export function grpcService<D extends GrpcDefinition>(
  definition: D,
  handlers: GrpcHandlers<D>,
  options: GrpcServiceOptions = {},
): GrpcService {
  const name = serviceNameOf(definition);
  const shortName = name.slice(name.lastIndexOf(".") + 1);
  class GrpcController {}
  Object.defineProperty(GrpcController, "name", { value: `${shortName}Controller` });
  for (const [rpc, { responseStream }] of Object.entries(definition)) {
    const handle = handlers[rpc as keyof D] as AnyHandler;
    const value = responseStream ? streaming(rpc, handle, options) : unary(rpc, handle, options);
    const descriptor = { value, writable: true, configurable: true, enumerable: false };
    Object.defineProperty(GrpcController.prototype, rpc, descriptor);
    GrpcMethod(shortName, rpc)(GrpcController.prototype, rpc, descriptor);
  }
  Controller()(GrpcController);
  return { name, definition, controller: GrpcController };
}

function unary(rpc: string, handle: AnyHandler, options: GrpcServiceOptions) {
  return async (request: unknown, metadata: Metadata, native: NativeCall) => {
    const { call, done } = contextOf(metadata, native);
    try {
      await options.guard?.(call);
      refuseMalformed(request);
      return await (handle(request, call) as Promise<unknown>);
    } catch (error) {
      throw toNestException(rpc, error, options);
    } finally {
      done();
    }
  };
}

function streaming(rpc: string, handle: AnyHandler, options: GrpcServiceOptions) {
  return (request: unknown, metadata: Metadata, native: NativeCall) =>
    new Observable((subscriber) => {
      const { call, abort, done } = contextOf(metadata, native);
      const pump = async () => {
        await options.guard?.(call);
        refuseMalformed(request);
        for await (const message of handle(request, call) as AsyncIterable<unknown>) {
          if (subscriber.closed) return;
          subscriber.next(message);
        }
        subscriber.complete();
      };
      pump()
        .catch((error: unknown) => {
          if (call.signal.aborted) subscriber.complete();
          else subscriber.error(toNestException(rpc, error, options));
        })
        .finally(done);
      return abort;
    });
}

function contextOf(metadata: Metadata, native: NativeCall) {
  const gone = new AbortController();
  const abort = () => gone.abort();
  native.on("cancelled", abort);
  const call: CallContext = { metadata, peer: native.getPeer(), signal: gone.signal };
  return { call, abort, done: () => native.off("cancelled", abort) };
}

function toNestException(rpc: string, error: unknown, { onBug }: GrpcServiceOptions): RpcException {
  if (error instanceof RpcFault) return new RpcException(toServiceError(error));
  onBug?.(rpc, error);
  return new RpcException({ code: grpcStatus.INTERNAL, message: "INTERNAL", details: "INTERNAL" });
}
