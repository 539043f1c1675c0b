import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { descriptorSet } from "@cos/proto";
import { ComputeServiceService, TaskServiceService } from "@cos/proto/compute";
import { SettlementServiceService } from "@cos/proto/settlement";
import { Telemetry, watchCertificates } from "@cos/telemetry";
import { TestAuthority } from "@cos/testkit/test-authority";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createGrpcClient,
  grpcService,
  type HostedService,
  hostService,
  openTlsWire,
  plaintextWire,
  publicTlsWire,
  RpcFault,
  type Wire,
} from "../src/index.ts";

const refreshMs = 30;
let dir: string;
let authority: TestAuthority;
let hosted: HostedService;
const wires: Wire[] = [];

const answers = async () => {
  throw new RpcFault("NOT_FOUND", "REACHED");
};
const services = [
  grpcService(ComputeServiceService, {
    quoteJob: answers,
    getJob: answers,
    listJobs: answers,
    // biome-ignore lint/correctness/useYield: it only refuses
    watchJob: async function* () {
      throw new RpcFault("NOT_FOUND", "REACHED");
    },
  }),
  grpcService(TaskServiceService, {
    announceWorker: answers,
    beginTask: answers,
    heartbeatTask: answers,
    presignOutput: answers,
    completeTask: answers,
    failTask: answers,
    releaseTask: answers,
  }),
  // Hosted here so that an rpc which anyone may call can be tried; its server is then not who it should be.
  grpcService(SettlementServiceService, { getStatement: answers, listIntents: answers }),
];

const opened = async (files: Parameters<typeof openTlsWire>[0]): Promise<Wire> => {
  const wire = await openTlsWire(files, { refreshMs });
  wires.push(wire);
  return wire;
};
const wireOf = async (name: string, sans?: string[], days?: { fromDays?: number; toDays?: number }) =>
  opened(await authority.files(dir, name, sans, days));

/** Code and status that a call ends in; `REACHED` when it came through to the handler. */
async function outcomeOf(call: () => Promise<unknown>): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof RpcFault) return error.code;
    return error instanceof Error ? error.message : "?";
  }
  return "OK";
}
const nothing = Buffer.alloc(0);
const quickly = { deadlineMs: 5_000 };

async function getJob(wire: Wire | undefined, address = hosted.grpcAddress): Promise<string> {
  const client = createGrpcClient(ComputeServiceService, address, {}, { wire });
  const outcome = await outcomeOf(() => client.getJob({ jobId: nothing }, quickly));
  client.close();
  return outcome;
}
async function releaseTask(wire: Wire): Promise<string> {
  const client = createGrpcClient(TaskServiceService, hosted.grpcAddress, {}, { wire });
  const outcome = await outcomeOf(() =>
    client.releaseTask({ taskId: nothing, fence: 0n, worker: nothing } as never, quickly),
  );
  client.close();
  return outcome;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "cos-tls-"));
  authority = await TestAuthority.create();
  hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, services, descriptorSet: descriptorSet(), wire: await wireOf("orchestrator") },
  });
});
afterAll(async () => {
  await hosted.close();
  for (const wire of wires) wire.close();
  await rm(dir, { recursive: true, force: true });
});

describe("mutual TLS between services", () => {
  it("lets the gateway ask for jobs and a worker for tasks, each by its certificate", async () => {
    expect(await getJob(await wireOf("gateway"))).toBe("REACHED");
    expect(await releaseTask(await wireOf("fhe-worker"))).toBe("REACHED");
  });

  it("knows a caller by DNS name where an authority issues no URIs", async () => {
    expect(await getJob(await wireOf("dns", ["dns:gateway.cos.internal"]))).toBe("REACHED");
  });

  it("refuses callers to whom the rpc is not given", async () => {
    expect(await releaseTask(await wireOf("gateway"))).toBe("CALLER_NOT_ALLOWED");
    expect(await getJob(await wireOf("fhe-worker"))).toBe("CALLER_NOT_ALLOWED");
    expect(await getJob(await wireOf("operator"))).toBe("CALLER_NOT_ALLOWED");
  });

  it("will not start with a certificate that names nobody, somebody unknown, or two", async () => {
    for (const sans of [
      ["dns:example.org"],
      ["url:spiffe://cos/printer"],
      ["url:spiffe://elsewhere/gateway"],
    ]) {
      await expect(wireOf("odd", sans)).rejects.toThrow(/names no service/);
    }
    const two = ["url:spiffe://cos/gateway", "url:spiffe://cos/fhe-worker"];
    await expect(wireOf("odd", two)).rejects.toThrow(/names no service/);
  });

  it("refuses a caller without a certificate, but not what anyone may call", async () => {
    expect(await getJob(publicTlsWire(authority.pem))).toBe("CALLER_UNKNOWN");
    expect(await getJob(await opened({ caFile: join(dir, "gateway-ca.crt") }))).toBe("CALLER_UNKNOWN");
  });

  it("refuses a caller whose certificate is another authority's, though it names the gateway", async () => {
    const other = await TestAuthority.create("CN=another authority");
    const files = await other.files(dir, "impostor", ["url:spiffe://cos/gateway"]);
    await writeFile(files.caFile, authority.pem);
    expect(await getJob(await opened(files))).toBe("CALLER_UNKNOWN");
    const namesake = await (await TestAuthority.create()).files(dir, "namesake", [
      "url:spiffe://cos/gateway",
    ]);
    await writeFile(namesake.caFile, authority.pem);
    expect(["CALLER_UNKNOWN", "UNAVAILABLE"]).toContain(await getJob(await opened(namesake)));
  });

  it("refuses a certificate that has ended, or has not begun", async () => {
    const gateway = ["url:spiffe://cos/gateway"];
    expect(await getJob(await wireOf("old", gateway, { toDays: -1 }))).toBe("CALLER_UNKNOWN");
    expect(await getJob(await wireOf("early", gateway, { fromDays: 1, toDays: 2 }))).toBe("CALLER_UNKNOWN");
  });

  it("refuses plaintext", async () => {
    expect(await getJob(plaintextWire())).toBe("UNAVAILABLE");
  });

  it("does not talk to a server that is another service, of another authority, or out of date", async () => {
    const gateway = await wireOf("gateway");
    const askedOf = async (wire: Wire): Promise<string> => {
      const server = await hostService({
        host: "127.0.0.1",
        grpc: { port: 0, services, descriptorSet: descriptorSet(), wire },
      });
      try {
        return await getJob(gateway, server.grpcAddress);
      } finally {
        await server.close();
      }
    };
    expect(await askedOf(await wireOf("settlement"))).toBe("UNAVAILABLE");
    const stranger = await TestAuthority.create();
    const files = await stranger.files(dir, "stranger", ["url:spiffe://cos/orchestrator"]);
    expect(await askedOf(await opened(files))).toBe("UNAVAILABLE");
    const old = await wireOf("ended", ["url:spiffe://cos/orchestrator"], { toDays: -1 });
    expect(await askedOf(old)).toBe("UNAVAILABLE");
  });
});

describe("files that change", () => {
  it("takes a new authority and certificate while it runs, and keeps the last good ones meanwhile", async () => {
    const files = await authority.files(dir, "moving", ["url:spiffe://cos/orchestrator"]);
    const telemetry = new Telemetry({ service: "orchestrator" });
    watchCertificates(telemetry, { server: files.certFile });
    const server = await hostService({
      host: "127.0.0.1",
      grpc: { port: 0, services, descriptorSet: descriptorSet(), wire: await opened(files) },
    });
    const before = await wireOf("gateway");
    expect(await getJob(before, server.grpcAddress)).toBe("REACHED");
    expect(await telemetry.metrics.text()).toMatch(/cos_certificate_expiry_timestamp_seconds\{.*server/);

    // Half of a rotation: the new certificate lies there, its key does not.
    const next = await TestAuthority.create();
    const renewed = await next.issue(["url:spiffe://cos/orchestrator"]);
    await writeFile(files.certFile, renewed.cert);
    await delay(5 * refreshMs); // Looked at, and left alone.
    expect(await getJob(before, server.grpcAddress)).toBe("REACHED");

    await writeFile(files.keyFile, renewed.key);
    await writeFile(files.caFile, next.pem);
    const after = await opened(await next.files(dir, "gateway-next", ["url:spiffe://cos/gateway"]));
    await expect.poll(() => getJob(after, server.grpcAddress), { timeout: 20_000 }).toBe("REACHED");
    expect(await getJob(before, server.grpcAddress)).toBe("UNAVAILABLE");
    await server.close();
    await telemetry.close();
  });

  it("does not start from files that do not fit together", async () => {
    const files = await authority.files(dir, "misfit", ["url:spiffe://cos/gateway"]);
    await writeFile(files.keyFile, (await authority.issue(["url:spiffe://cos/gateway"])).key);
    await expect(opened(files)).rejects.toThrow(/key is not the certificate's/);
    await expect(opened({ ...files, caFile: join(dir, "none") })).rejects.toThrow(/ENOENT/);
  });
});

describe("without TLS", () => {
  it("keeps to the loopback unless it is told otherwise", async () => {
    const host = (wire?: Wire) =>
      hostService({ host: "0.0.0.0", grpc: { port: 0, services, descriptorSet: descriptorSet(), wire } });
    await expect(host()).rejects.toThrow(/one machine only/);
    await expect(host(plaintextWire())).rejects.toThrow(/one machine only/);
    const anywhere = await host(plaintextWire({ anywhere: true }));
    await anywhere.close();
    expect(() =>
      createGrpcClient(ComputeServiceService, "orchestrator:7003", {}, { wire: plaintextWire() }),
    ).toThrow(/one machine only/);
  });
});
