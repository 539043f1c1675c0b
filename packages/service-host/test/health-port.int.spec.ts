import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descriptorSet } from "@cos/proto";
import { TestAuthority } from "@cos/testkit/test-authority";
import { Client, credentials, type ServiceError } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import { afterEach, expect, it } from "vitest";
import { freePort } from "../src/free-ports.ts";
import { type HostedService, hostService, openTlsWire } from "../src/index.ts";

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A service under mutual TLS with a port for probes, as a kubelet meets it. */
async function underTls(): Promise<{ hosted: HostedService; ask: (service: string) => Promise<string> }> {
  const dir = await mkdtemp(join(tmpdir(), "cos-health-port-"));
  ends.push(() => rm(dir, { recursive: true }));
  const authority = await TestAuthority.create();
  const wire = await openTlsWire(await authority.files(dir, "access"));
  ends.push(() => wire.close());
  const healthPort = await freePort();
  const hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, healthPort, services: [], descriptorSet: descriptorSet(), wire },
  });
  ends.push(() => hosted.close());
  const client = new Client(`127.0.0.1:${healthPort}`, credentials.createInsecure());
  ends.push(() => client.close());
  const ask = (service: string) =>
    new Promise<string>((resolve) => {
      const { path, requestSerialize, responseDeserialize } = healthService.Check as NonNullable<
        (typeof healthService)[string]
      >;
      const told = (error: ServiceError | null, answer?: unknown) =>
        resolve(error ? `error ${error.code}` : (answer as { status: string }).status);
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        { service },
        { deadline: Date.now() + 5_000 },
        told,
      );
    });
  return { hosted, ask };
}

it("answers probes in the clear beside mutual TLS: alive whatever it can do, ready when it takes work", async () => {
  const { hosted, ask } = await underTls();
  expect(await ask("live")).toBe("SERVING");
  expect(await ask("")).toBe("NOT_SERVING");
  hosted.setServing(true);
  expect(await ask("")).toBe("SERVING");
  hosted.setServing(false);
  expect(await ask("")).toBe("NOT_SERVING");
  expect(await ask("live")).toBe("SERVING");
});

it("is gone when the service has ended", async () => {
  const { hosted, ask } = await underTls();
  expect(await ask("live")).toBe("SERVING");
  await hosted.close();
  ends.splice(-2, 1); // closed already
  expect(await ask("live")).toMatch(/^error (4|14)$/);
});
