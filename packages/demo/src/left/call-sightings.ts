import type { CosClient } from "@cos/client";
import type { FieldSightings } from "./field-sightings.ts";

/**
 * Notes every field of every request that a client sends from now on, and what the object routes carry.
 * Wraps the client's own stubs: nothing about the calls changes.
 */
export function watchCalls(client: CosClient, who: string, sightings: FieldSightings): void {
  for (const stub of Object.values(client.services)) {
    if (typeof stub !== "object") continue;
    const methods = stub as unknown as Record<string, unknown>;
    for (const [name, method] of Object.entries(methods)) {
      if (typeof method !== "function" || name === "close") continue;
      methods[name] = (request: unknown, ...rest: unknown[]) => {
        sightings.addLeaves("calls and events", request, `${who}: ${name}`);
        const metadata = (rest[0] as { metadata?: Record<string, string> } | undefined)?.metadata ?? {};
        for (const field of Object.keys(metadata))
          sightings.add("calls and events", field, `${who}: metadata`);
        return (method as (...all: unknown[]) => unknown)(request, ...rest);
      };
    }
  }
  const { transfers } = client;
  for (const name of ["upload", "download", "has"] as const) {
    const original = transfers[name].bind(transfers) as (...all: unknown[]) => unknown;
    Object.assign(transfers, {
      [name]: (...all: unknown[]) => {
        for (const field of ["object digest", "object bytes", "transfer token"]) {
          sightings.add("calls and events", field, `${who}: object routes`);
        }
        return original(...all);
      },
    });
  }
}
