import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  activeTraceparent,
  openSpanSink,
  startMetricsServer,
  Telemetry,
  watchCertificates,
} from "../src/index.ts";
import { jobTraceOf } from "../src/job-trace.ts";

const jobId = `0x${"5a".repeat(32)}`;
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-telemetry-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type WireSpan = {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  attributes: { key: string; value: Record<string, unknown> }[];
  events: unknown[];
  status: { code: number; message?: string };
};
type WireRequest = {
  resourceSpans: {
    resource: { attributes: { key: string; value: { stringValue: string } }[] };
    scopeSpans: { spans: WireSpan[] }[];
  }[];
};

async function exported(): Promise<(WireSpan & { service: string })[]> {
  const lines = (await readFile(join(folder, "cos.spans.jsonl"), "utf8")).trimEnd().split("\n");
  return lines
    .flatMap((line) => (JSON.parse(line) as WireRequest).resourceSpans)
    .flatMap(({ resource, scopeSpans }) => {
      const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
      return scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, service })));
    });
}

it("writes two services' spans of one job as one tree, with the root known beforehand", async () => {
  const sink = openSpanSink({ folder });
  const access = new Telemetry({ service: "access", sink });
  const orchestrator = new Telemetry({ service: "orchestrator", sink });
  const traceparent = access.noteJobRoot(jobId, "permit", { startMs: 1_000_000, endMs: 1_000_500 });
  await orchestrator.remoteSpan(traceparent, "handle", { kind: "consumer" }, async () => {
    await orchestrator.jobSpan(jobId, "plan", {}, async () => {
      // A library that knows OpenTelemetry's API only: its span is the running service's.
      trace.getTracer("library").startActiveSpan("inner", (span) => span.end());
    });
  });
  await Promise.all([access.close(), orchestrator.close()]);
  await sink.close();

  const spans = await exported();
  const { traceId, rootSpanId } = jobTraceOf(jobId);
  const of = (name: string) => spans.find((span) => span.name === name);
  expect(spans.map((span) => [span.name, span.service]).sort()).toEqual([
    ["handle", "orchestrator"],
    ["inner", "orchestrator"],
    ["permit", "access"],
    ["plan", "orchestrator"],
  ]);
  expect(new Set(spans.map((span) => span.traceId))).toEqual(new Set([traceId]));
  expect(of("permit")).toMatchObject({ spanId: rootSpanId });
  expect(of("permit")?.parentSpanId).toBeUndefined();
  expect(of("handle")?.parentSpanId).toBe(rootSpanId);
  expect(of("plan")?.parentSpanId).toBe(of("handle")?.spanId);
  expect(of("inner")?.parentSpanId).toBe(of("plan")?.spanId);
  expect((await stat(join(folder, "cos.spans.jsonl"))).mode & 0o777).toBe(0o600);
});

it("exports a tentative span when a span or a message refers to it, and else none", async () => {
  const sink = openSpanSink({ folder });
  const telemetry = new Telemetry({ service: "orchestrator", sink });
  await telemetry.jobSpanIfUsed(jobId, "for nothing", {}, async () => {});
  await telemetry.jobSpanIfUsed(jobId, "kept", {}, async (_span, keep) => keep());
  await telemetry.jobSpanIfUsed(jobId, "named by a message", {}, async () => {
    expect(activeTraceparent()).toContain(jobTraceOf(jobId).traceId);
  });
  await telemetry.jobSpanIfUsed(jobId, "parent", {}, async () => {
    await telemetry.span("child", {}, async () => {});
  });
  await telemetry.close();
  await sink.close();
  expect((await exported()).map(({ name }) => name).sort()).toEqual([
    "child",
    "kept",
    "named by a message",
    "parent",
  ]);
});

it("lets no text, event or unlisted attribute out, whoever put it there", async () => {
  const sink = openSpanSink({ folder });
  const telemetry = new Telemetry({ service: "gateway", sink });
  const secret = "HG00096 has rs123 A/T";
  await telemetry
    .span("work", { attributes: { "cos.region": "eu" } }, async (span) => {
      span.setAttribute("http.url", secret);
      span.recordException(new Error(secret));
      span.addEvent(secret);
      span.setStatus({ code: SpanStatusCode.ERROR, message: secret });
      throw Object.assign(new Error(secret), { code: "GRANT_REVOKED" });
    })
    .catch(() => {});
  await telemetry.close();
  await sink.close();
  expect(await readFile(join(folder, "cos.spans.jsonl"), "utf8")).not.toContain("HG00096");
  const [span] = await exported();
  expect(span?.attributes).toEqual([
    { key: "cos.region", value: { stringValue: "eu" } },
    { key: "cos.code", value: { stringValue: "GRANT_REVOKED" } },
  ]);
  expect(span?.events).toEqual([]);
  expect(span?.status).toEqual({ code: 2 });
});

it("sends spans to a collector as OTLP over HTTP", async () => {
  const heard: { url: string; type: string; body: Buffer }[] = [];
  const collector = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const { url = "", headers } = request;
    heard.push({ url, type: headers["content-type"] ?? "", body: Buffer.concat(pieces) });
    response.writeHead(200).end();
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const { port } = collector.address() as AddressInfo;
  const sink = openSpanSink({ endpoint: `http://127.0.0.1:${port}/` });
  const telemetry = new Telemetry({ service: "orchestrator", sink });
  telemetry.noteJobRoot(jobId, "permit", { startMs: 1_000, endMs: 2_000 });
  await telemetry.close();
  await sink.close();
  collector.close();
  expect(heard).toMatchObject([{ url: "/v1/traces", type: "application/x-protobuf" }]);
  // Protobuf keeps strings and bytes as they are: service, span and the 16 bytes of the trace's id stand in it.
  for (const part of ["orchestrator", "permit", Buffer.from(jobTraceOf(jobId).traceId, "hex")]) {
    expect(heard[0]?.body.includes(part)).toBe(true);
  }
});

it("loses spans, counts them, and goes on when nobody takes them", async () => {
  await writeFile(join(folder, "file"), "a file, no folder");
  const sink = openSpanSink({ folder: join(folder, "file"), endpoint: "http://127.0.0.1:9" });
  const telemetry = new Telemetry({ service: "access", sink });
  for (let index = 0; index < 6_000; index += 1) await telemetry.span("work", {}, async () => {});
  await telemetry.flush();
  const dropped = /cos_spans_dropped_total\{cos_service="access"\} (\d+)/.exec(
    await telemetry.metrics.text(),
  );
  expect(Number(dropped?.[1])).toBeGreaterThanOrEqual(6_000);
  await telemetry.close();
  await sink.close();
}, 180_000);

it("decides from the trace id alone which jobs are recorded", async () => {
  const sink = openSpanSink({ folder, sampleRatio: 0.5 });
  const [one, other] = [
    new Telemetry({ service: "access", sink }),
    new Telemetry({ service: "gateway", sink }),
  ];
  const ids = Array.from({ length: 64 }, (_, index) => `0x${index.toString(16).padStart(64, "0")}`);
  for (const id of ids) {
    one.noteJobRoot(id, "root", { startMs: 1, endMs: 2 });
    other.noteJobSpan(id, "child", { startMs: 1, endMs: 2 });
  }
  await Promise.all([one.close(), other.close()]);
  await sink.close();
  const spans = await exported();
  const tracesOf = (name: string) =>
    new Set(spans.filter((span) => span.name === name).map((span) => span.traceId));
  expect(tracesOf("root")).toEqual(tracesOf("child"));
  expect(tracesOf("root").size).toBeGreaterThan(8);
  expect(tracesOf("root").size).toBeLessThan(56);
});

it("serves metrics, health and readiness; figures that cannot be read are absent and counted", async () => {
  const telemetry = new Telemetry({ service: "settlement" });
  let serving = false;
  let broken = false;
  telemetry.metrics.collect("intents", async (set) => {
    if (broken) throw new Error("no database");
    set("intents", { state: "sent" }, 3);
    set("intentOldestAge", {}, 12.5);
  });
  telemetry.metrics.count("intentChanges", { change: "0xfeedfacefeedfacefeedface" });
  const server = await startMetricsServer(telemetry.metrics, {
    host: "127.0.0.1",
    port: 0,
    isServing: () => serving,
  });
  const get = async (path: string) => {
    const response = await fetch(server.url + path);
    return { status: response.status, text: await response.text() };
  };
  try {
    expect((await get("/healthz")).status).toBe(200);
    expect((await get("/readyz")).status).toBe(503);
    serving = true;
    expect((await get("/readyz")).status).toBe(200);
    expect((await get("/elsewhere")).status).toBe(404);
    expect((await fetch(`${server.url}/metrics`, { method: "POST" })).status).toBe(405);

    const { text } = await get("/metrics");
    expect(text).toContain('cos_transaction_intents_count_current{state="sent",cos_service="settlement"} 3');
    expect(text).toContain('cos_transaction_oldest_unmined_age_seconds{cos_service="settlement"} 12.5');
    expect(text).toMatch(/cos_process_resident_memory_bytes\{cos_service="settlement"\} \d{7,}/);
    expect(text).toContain('cos_transaction_intent_changes_total{change="other",cos_service="settlement"} 1');
    expect(text).not.toContain("feedface");

    broken = true;
    const after = (await get("/metrics")).text;
    expect(after).not.toContain("cos_transaction_intents_count_current{");
    expect(after).toContain(
      'cos_metric_collection_failures_total{collector="intents",cos_service="settlement"} 1',
    );
    broken = false;
    expect((await get("/metrics")).text).toContain("cos_transaction_intents_count_current{");
  } finally {
    await server.close();
  }
});

it("answers a scrape although a collector hangs", async () => {
  const telemetry = new Telemetry({ service: "access" });
  let calls = 0;
  telemetry.metrics.collect("hangs", () => {
    calls += 1;
    return new Promise(() => {});
  });
  await telemetry.metrics.text();
  const text = await telemetry.metrics.text();
  expect(calls).toBe(1); // one reading at a time
  expect(text).toContain('cos_metric_collection_failures_total{collector="hangs",cos_service="access"} 2');
}, 180_000);

/** Made by `openssl req -x509`; `openssl x509 -enddate` says Aug 24 04:30:18 2081 GMT. */
const certificate = `-----BEGIN CERTIFICATE-----
MIIBiDCCAS+gAwIBAgIUeYl+Tx22egKnONFfjMpCnI4zTeQwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdGVsZW1ldHJ5LXRlc3QwIBcNMjYxMTIxMDQzMDE4WhgPMjA4
MTA4MjQwNDMwMThaMBkxFzAVBgNVBAMMDnRlbGVtZXRyeS10ZXN0MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAE++alULA7X5TYQ1u/sjdL8Y05OXfH7Z61gt8E/783
d+1FVwuJ7zr2dsIXJCRJQ06+rX7P9fHdmrWmwCYZQXoyDaNTMFEwHQYDVR0OBBYE
FFMmmy9xF8oBUFjx+k904tXmK+YtMB8GA1UdIwQYMBaAFFMmmy9xF8oBUFjx+k90
4tXmK+YtMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgDp80Dc3p
pYGqm8DK7ICOpD/xL9rx/vcZjw+KhkT6u+oCIB/8o0Fu3xWrqxLXTNTkAKQM/fy4
PNfb8ksWgs201PKb
-----END CERTIFICATE-----
`;

it("says when a certificate ends, and nothing of one that cannot be read", async () => {
  const telemetry = new Telemetry({ service: "access" });
  const [good, bad] = [join(folder, "good.pem"), join(folder, "bad.pem")];
  await writeFile(good, certificate);
  await writeFile(bad, "no certificate");
  watchCertificates(telemetry, { server: good, client: bad });
  const text = await telemetry.metrics.text();
  expect(text).toContain(
    'cos_certificate_expiry_timestamp_seconds{certificate="server",cos_service="access"} 3523235418',
  );
  expect(text).not.toContain('certificate="client"');
  expect(text).toContain(
    'cos_metric_collection_failures_total{collector="certificate-client",cos_service="access"} 1',
  );
});
