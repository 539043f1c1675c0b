import type { Metadata } from "@grpc/grpc-js";

/** What ts-proto generates for one rpc. */
export interface MethodDefinition {
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: the message types come back through inference in RequestOf and ResponseOf
  readonly requestSerialize: (value: any) => Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly requestDeserialize: (bytes: Buffer) => any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly responseSerialize: (value: any) => Buffer;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly responseDeserialize: (bytes: Buffer) => any;
}

/** What ts-proto generates for one service: `AccessServiceService` and its like. Request streams are not used in COS. */
export type GrpcDefinition = Readonly<Record<string, MethodDefinition>>;

export type RequestOf<M extends MethodDefinition> = ReturnType<M["requestDeserialize"]>;
export type ResponseOf<M extends MethodDefinition> = ReturnType<M["responseDeserialize"]>;

/** What a handler may know of its call. `signal` fires when the caller is gone or the deadline passed. */
export interface CallContext {
  readonly metadata: Metadata;
  readonly peer: string;
  readonly signal: AbortSignal;
}

/** One function an rpc: unary rpcs answer a promise, server streams an async iterable. */
export type GrpcHandlers<D extends GrpcDefinition> = {
  readonly [M in keyof D]: D[M]["responseStream"] extends true
    ? (request: RequestOf<D[M]>, call: CallContext) => AsyncIterable<ResponseOf<D[M]>>
    : (request: RequestOf<D[M]>, call: CallContext) => Promise<ResponseOf<D[M]>>;
};

/** `/cos.access.v1.AccessService/GetGrant` -> `cos.access.v1.AccessService`. */
export function serviceNameOf(definition: GrpcDefinition): string {
  const name = Object.values(definition)[0]?.path.split("/")[1];
  if (!name) throw new TypeError("a gRPC service without rpcs has no name");
  return name;
}
