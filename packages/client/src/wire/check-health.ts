import { Client, credentials } from "@grpc/grpc-js";

export type Health = "SERVING" | "NOT_SERVING" | "UNREACHABLE";

/**
 * Asks a gRPC server's standard health service. The two messages are small enough to be written by hand: the request is
 * empty (the server as a whole), the answer one enum.
 *
 * @source grpc.health.v1
 */
export async function checkHealth(address: string, timeoutMs = 3_000): Promise<Health> {
  const client = new Client(address, credentials.createInsecure());
  try {
    return await new Promise<Health>((resolve) => {
      client.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
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
