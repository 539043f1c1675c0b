import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descriptorSet } from "@cos/proto";
import { ComputeServiceService } from "@cos/proto/compute";
import { WorkerServiceService } from "@cos/proto/worker";
import { openSpanSink, type SpanSink, Telemetry } from "@cos/telemetry";
import { Client, credentials, Metadata } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  createGrpcClient,
  createLogger,
  grpcService,
  type HostedService,
  hostService,
  RpcFault,
} from "../src/index.ts";

const jobId = `0x${"17".repeat(32)}`;
const lines: string[] = [];
const logger = createLogger("worker", {
  stream: { write: (line: string) => void lines.push(line) },
  flush: () => {},
});
let folder: string;
let sink: SpanSink;
let caller: Telemetry;
let server: Telemetry;
let edge: Telemetry;
const hosts: HostedService[] = [];

const services = () => [
  grpcService(WorkerServiceService, {
    getStatus: async () => {
      logger.info("asked");
      await new Promise((resolve) => setImmediate(resolve)); // the trace outlives turns of the loop
      logger.info("answered");
      return {
        worker: Buffer.alloc(20),
        region: "eu",
        engine: "wasm",
        running: 0,
        done: 0n,
        draining: false,
      };
    },
    drain: async () => {
      throw new RpcFault("ABORTED", "STALE_FENCE", { secret: "HG00096" });
    },
  }),
  grpcService(ComputeServiceService, {
    quoteJob: async () => {
      throw new Error("HG00096");
    },
    getJob: async () => ({ job: undefined }),
    listJobs: async () => ({ jobs: [] }),
    watchJob: async function* () {
      yield { job: undefined };
      yield { job: undefined };
    },
  }),
];

const host = async (telemetry: Telemetry, trustCallers: boolean): Promise<HostedService> => {
  const hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, services: services(), descriptorSet: descriptorSet() },
    http: {
      port: 0,
      routes: [
        {
          method: "GET",
          path: "/v1/objects/:digest",
          handle: async (_request, response) => void response.end("x"),
        },
      ],
    },
    observe: { telemetry, metricsPort: 0, trustCallers },
  });
  hosts.push(hosted);
  return hosted;
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-observed-"));
  sink = openSpanSink({ folder });
  caller = new Telemetry({ service: "caller", sink });
  server = new Telemetry({ service: "server", sink });
  edge = new Telemetry({ service: "edge", sink });
  await host(server, true);
  await host(edge, false);
});
afterAll(async () => {
  for (const hosted of hosts) await hosted.close();
  await rm(folder, { recursive: true, force: true });
});

it("carries one trace through a call, in memory and over the wire, into log lines; strangers join no trace", async () => {
  const [inside, outside] = hosts.map(({ grpcAddress }) => ({
    worker: createGrpcClient(WorkerServiceService, grpcAddress),
    compute: createGrpcClient(ComputeServiceService, grpcAddress),
  }));
  await inside?.worker.getStatus({}); // no trace here: none is begun by the client
  await caller.jobSpan(jobId, "task", {}, async () => {
    await inside?.worker.getStatus({});
    await expect(inside?.worker.drain({})).rejects.toMatchObject({ code: "STALE_FENCE" });
    await expect(
      inside?.compute.quoteJob({ algorithmId: Buffer.alloc(32), paramsJson: "", datasets: [] }),
    ).rejects.toMatchObject({
      status: "INTERNAL",
    });
    for await (const _ of inside?.compute.watchJob({ jobId: Buffer.alloc(32) }) ?? []);
    await outside?.worker.getStatus({});
  });
  for (const clients of [inside, outside]) {
    clients?.worker.close();
    clients?.compute.close();
  }
  await Promise.all([caller.flush(), server.flush(), edge.flush()]);

  const text = await readFile(join(folder, "cos.spans.jsonl"), "utf8");
  expect(text).not.toContain("HG00096");
  const spans = text
    .trimEnd()
    .split("\n")
    .flatMap((line) => JSON.parse(line).resourceSpans)
    .flatMap((each) =>
      each.scopeSpans.flatMap((scope: { spans: object[] }) =>
        scope.spans.map((span) => ({
          ...span,
          service: each.resource.attributes.find((a: { key: string }) => a.key === "service.name").value
            .stringValue,
        })),
      ),
    ) as { traceId: string; spanId: string; parentSpanId?: string; name: string; service: string }[];
  const task = spans.find(({ name }) => name === "task");
  const inTrace = spans.filter(({ traceId }) => traceId === task?.traceId);
  const ids = new Map(inTrace.map((span) => [span.spanId, span]));
  const called = inTrace.filter(({ service }) => service === "server");
  expect(called.map(({ name }) => name).sort()).toEqual([
    "cos.compute.v1.ComputeService/QuoteJob",
    "cos.compute.v1.ComputeService/WatchJob",
    "cos.worker.v1.WorkerService/Drain",
    "cos.worker.v1.WorkerService/GetStatus",
  ]);
  for (const span of called) {
    const client = ids.get(span.parentSpanId ?? "");
    expect(client).toMatchObject({ service: "caller", name: span.name, parentSpanId: task?.spanId });
  }
  // The untraced call and the stranger's are traces of their own.
  const alone = spans.filter(({ traceId }) => traceId !== task?.traceId);
  expect(alone.map(({ service, parentSpanId }) => [service, parentSpanId]).sort()).toEqual([
    ["edge", undefined],
    ["server", undefined],
  ]);

  const traced = lines.map((line) => (JSON.parse(line) as { traceId?: string }).traceId);
  expect(traced.filter((id) => id === task?.traceId)).toHaveLength(2);
  expect(traced.every((id) => id !== undefined)).toBe(true);
});

it("times calls by method and code, counts refusals by reason, and makes no label of what strangers say", async () => {
  const [hosted] = hosts;
  const client = new Client(hosted?.grpcAddress ?? "", credentials.createInsecure());
  for (const path of ["/cos.x.v1.Sample/HG00096", "/cos.worker.v1.WorkerService/HG00096"]) {
    await new Promise<void>((resolve) =>
      client.makeUnaryRequest(
        path,
        () => Buffer.alloc(0),
        (bytes) => bytes,
        {},
        new Metadata(),
        () => resolve(),
      ),
    );
  }
  client.close();
  expect((await fetch(`${hosted?.httpUrl}/v1/objects/${"ab".repeat(32)}`)).status).toBe(200);
  const metrics = async () => (await fetch(`${hosted?.metricsUrl}/metrics`)).text();
  const text = await metrics();
  const series = (name: string) => text.split("\n").filter((line) => line.startsWith(name));
  expect(
    series("cos_rpc_server_duration_seconds_count{")
      .map((line) => line.replace('cos_service="server",', ""))
      .sort(),
  ).toEqual([
    'cos_rpc_server_duration_seconds_count{rpc_service="cos.compute.v1.ComputeService",method="QuoteJob",code="INTERNAL"} 1',
    'cos_rpc_server_duration_seconds_count{rpc_service="cos.compute.v1.ComputeService",method="WatchJob",code="OK"} 1',
    'cos_rpc_server_duration_seconds_count{rpc_service="cos.worker.v1.WorkerService",method="Drain",code="ABORTED"} 1',
    'cos_rpc_server_duration_seconds_count{rpc_service="cos.worker.v1.WorkerService",method="GetStatus",code="OK"} 2',
  ]);
  expect(text).toContain('reason="STALE_FENCE"');
  expect(text).toContain(
    'cos_http_server_duration_seconds_count{cos_service="server",method="GET",route="/v1/objects/:digest",status="200"} 1',
  );
  expect(text).not.toMatch(/HG00096|abab/);
  expect(text).toContain('cos_serving_bool{cos_service="server"} 0');
  hosted?.setServing(true);
  expect(await metrics()).toContain('cos_serving_bool{cos_service="server"} 1');
});
