import type { GrpcDefinition } from "@cos/service-host/grpc-client";
import type { Wire } from "@cos/service-host/wire";
import { Client, credentials } from "@grpc/grpc-js";

export type Health = "SERVING" | "NOT_SERVING" | "UNREACHABLE";

const healthPath = "/grpc.health.v1.Health/Check";
/** What a wire needs to know: a service that every server hosts. */
const healthDefinition = { check: { path: healthPath } } as unknown as GrpcDefinition;

/**
 * Asks a gRPC server's standard health service. The two messages are small enough to be written by hand: the request is
 * empty (the server as a whole), the answer one enum.
 *
 * @source grpc.health.v1
 */
export async function checkHealth(address: string, timeoutMs = 3_000, wire?: Wire): Promise<Health> {
  const client = new Client(
    address,
    wire?.clientCredentials(healthDefinition, address) ?? credentials.createInsecure(),
    wire?.knowsCallers === true ? { "grpc.ssl_target_name_override": "cos.internal" } : {},
  );
  try {
    return await new Promise<Health>((resolve) => {
      client.makeUnaryRequest(
        healthPath,
        () => Buffer.alloc(0),
        (bytes: Buffer) => (bytes[0] === 0x08 && bytes[1] === 1 ? "SERVING" : "NOT_SERVING"),
        {},
        { deadline: Date.now() + timeoutMs },
        (error, answer) => resolve(error ? "UNREACHABLE" : (answer as Health)),
      );
    });
  } finally {
    client.close();
  }
}
