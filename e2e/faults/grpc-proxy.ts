import type { GrpcDefinition } from "@cos/service-host";
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";

/** What may happen to one call on its way. */
export type CallFault =
  | "none"
  /** It never arrives; the caller sees UNAVAILABLE. */
  | "request-lost"
  /** It arrives and takes effect; the caller sees UNAVAILABLE all the same. */
  | "answer-lost"
  /** It arrives twice; the caller sees the second answer. */
  | "twice"
  /** It arrives late. */
  | "late";

export interface GrpcProxy {
  readonly address: string;
  close(): Promise<void>;
}

const raw = (bytes: Buffer): Buffer => bytes;
const limits = {
  "grpc.max_receive_message_length": 64 * 2 ** 20,
  "grpc.max_send_message_length": 64 * 2 ** 20,
};
const health: GrpcDefinition = {
  check: method("/grpc.health.v1.Health/Check", false),
};

/**
 * Stands in front of a gRPC server and forwards every call of the given services as bytes, with the fault that `fate`
 * deals out for it.
 *
 * @param lateMs how long a late call is held back
 */
export async function startGrpcProxy(options: {
  target: string;
  services: readonly GrpcDefinition[];
  fate: (path: string) => CallFault;
  lateMs: () => number;
}): Promise<GrpcProxy> {
  const { target, services, fate, lateMs } = options;
  const client = new Client(target, credentials.createInsecure(), {
    ...limits,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 1_000,
  });
  const server = new Server(limits);
  for (const definition of [...services, health]) {
    const methods: Record<string, ServiceDefinition[string]> = {};
    const handlers: Record<string, (...args: never[]) => void> = {};
    for (const [name, { path, responseStream }] of Object.entries(definition)) {
      methods[name] = { ...method(path, responseStream), originalName: name } as ServiceDefinition[string];
      handlers[name] = responseStream
        ? (call: ServerWritableStream<Buffer, Buffer>) => forwardStream(client, path, call)
        : (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
            void forwardUnary(client, path, call, fate(path), lateMs).then(
              (answer) => done(null, answer),
              (error) => done(error as ServiceError),
            );
    }
    server.addService(methods, handlers as never);
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  return {
    address: `127.0.0.1:${port}`,
    close: async () => {
      server.forceShutdown();
      client.close();
    },
  };
}

function method(path: string, responseStream: boolean) {
  return {
    path,
    requestStream: false,
    responseStream,
    requestSerialize: raw,
    requestDeserialize: raw,
    responseSerialize: raw,
    responseDeserialize: raw,
  };
}

const lost = () =>
  Object.assign(new Error("lost on the way"), {
    code: status.UNAVAILABLE,
    details: "lost",
    metadata: new Metadata(),
  });

async function forwardUnary(
  client: Client,
  path: string,
  call: ServerUnaryCall<Buffer, Buffer>,
  fault: CallFault,
  lateMs: () => number,
): Promise<Buffer> {
  if (fault === "request-lost") throw lost();
  if (fault === "late") await new Promise((resolve) => setTimeout(resolve, lateMs()));
  const once = () =>
    new Promise<Buffer>((resolve, reject) => {
      const deadline = call.getDeadline();
      client.makeUnaryRequest(
        path,
        raw,
        raw,
        call.request,
        call.metadata.clone(),
        { deadline },
        (error, answer) => (error ? reject(error) : resolve(answer as Buffer)),
      );
    });
  if (fault === "twice") await once().catch(() => {});
  const answer = await once();
  if (fault === "answer-lost") throw lost();
  return answer;
}

function forwardStream(client: Client, path: string, call: ServerWritableStream<Buffer, Buffer>): void {
  const upstream = client.makeServerStreamRequest(path, raw, raw, call.request, call.metadata.clone(), {
    deadline: call.getDeadline(),
  });
  upstream.on("data", (chunk: Buffer) => call.write(chunk));
  upstream.on("end", () => call.end());
  upstream.on("error", (error: ServiceError) => call.emit("error", error));
  call.on("cancelled", () => upstream.cancel());
}
