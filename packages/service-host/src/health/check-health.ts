import { Client, credentials } from "@grpc/grpc-js";
import type { GrpcDefinition } from "../grpc-types.ts";
import type { Wire } from "../wire/wire.ts";

export type Health = "SERVING" | "NOT_SERVING" | "UNREACHABLE";

const healthPath = "/grpc.health.v1.Health/Check";
/** What a wire needs to know: a service that every server hosts. */
const healthDefinition = { check: { path: healthPath } } as unknown as GrpcDefinition;

/** A client of a process's standard health service. @param wire in the clear when left out */
export function openHealthClient(address: string, wire?: Wire): Client {
  return new Client(
    address,
    wire?.clientCredentials(healthDefinition, address) ?? credentials.createInsecure(),
    {
      ...(wire?.knowsCallers === true ? { "grpc.ssl_target_name_override": "cos.internal" } : {}),
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 2_000,
    },
  );
}

/**
 * Asks whether the process takes work. The two messages are small enough to be written by hand, which keeps health
 * checks of containers light: the request is empty (the server as a whole), the answer one enum.
 *
 * @source grpc.health.v1
 */
export function askHealth(client: Client, timeoutMs: number): Promise<Health> {
  return new Promise<Health>((resolve) => {
    client.makeUnaryRequest(
      healthPath,
      () => Buffer.alloc(0),
      (bytes: Buffer) => (bytes[0] === 0x08 && bytes[1] === 1 ? "SERVING" : "NOT_SERVING"),
      {},
      { deadline: Date.now() + timeoutMs },
      (error, answer) => resolve(error ? "UNREACHABLE" : (answer as Health)),
    );
  });
}

/** Asks one process once whether it takes work. */
export async function checkHealth(address: string, timeoutMs = 3_000, wire?: Wire): Promise<Health> {
  const client = openHealthClient(address, wire);
  try {
    return await askHealth(client, timeoutMs);
  } finally {
    client.close();
  }
}
