import { descriptorSet } from "@cos/proto";
import { ComputeServiceService, TaskServiceService, type WatchJobResponse } from "@cos/proto/compute";
import { WorkerServiceService } from "@cos/proto/worker";
import { Client, credentials } from "@grpc/grpc-js";
import { service as healthDefinition } from "grpc-health-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  createGrpcClient,
  grpcService,
  type HostedService,
  hostService,
  RpcFault,
  requireServiceToken,
} from "../src/index.ts";

const bugs: unknown[] = [];
let cancelled = 0;
let hosted: HostedService;

const worker = grpcService(
  WorkerServiceService,
  {
    getStatus: async () => ({
      worker: Buffer.alloc(20, 7),
      region: "eu",
      engine: "wasm",
      running: 2,
      done: 9n,
      draining: false,
    }),
    drain: async () => {
      throw new RpcFault("FAILED_PRECONDITION", "ALREADY_DRAINING", { since: 12n });
    },
  },
  { guard: requireServiceToken("let me in") },
);

const answer = (): WatchJobResponse => ({ job: undefined });
const compute = grpcService(
  ComputeServiceService,
  {
    quoteJob: async () => {
      throw new Error("the secret is 42");
    },
    getJob: async () => ({ job: undefined }),
    listJobs: async () => ({ jobs: [] }),
    watchJob: async function* (request, call) {
      if (request.jobId[0] === 1) throw new RpcFault("NOT_FOUND", "JOB_UNKNOWN");
      yield answer();
      yield answer();
      await new Promise<void>((resolve) => call.signal.addEventListener("abort", () => resolve()));
      cancelled++;
    },
  },
  { onBug: (_rpc, error) => bugs.push(error) },
);

beforeAll(async () => {
  hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, services: [worker, compute], descriptorSet: descriptorSet() },
    http: {
      port: 0,
      routes: [
        {
          method: "GET",
          path: "/v1/things/:name",
          handle: async (request, response) => void response.end(request.params.name),
        },
        {
          method: "PUT",
          path: "/v1/things/:name",
          handle: async (request, response) => {
            let bytes = 0;
            for await (const piece of request) bytes += (piece as Buffer).length;
            response.end(String(bytes));
          },
        },
      ],
    },
  });
  hosted.setServing(true);
});
afterAll(() => hosted.close());

describe("a hosted service", () => {
  it("answers unary calls, refuses without the token, and carries codes and facts", async () => {
    const stranger = createGrpcClient(WorkerServiceService, hosted.grpcAddress);
    await expect(stranger.getStatus({})).rejects.toMatchObject({
      status: "UNAUTHENTICATED",
      code: "BAD_SERVICE_TOKEN",
    });
    stranger.close();
    const client = createGrpcClient(WorkerServiceService, hosted.grpcAddress, {
      "cos-service-token": "let me in",
    });
    expect(await client.getStatus({})).toMatchObject({ region: "eu", running: 2, done: 9n });
    await expect(client.drain({})).rejects.toMatchObject({
      code: "ALREADY_DRAINING",
      facts: { since: "12" },
    });
    client.close();
  });

  it("hides a bug's message from the caller and shows it to the host", async () => {
    const client = createGrpcClient(ComputeServiceService, hosted.grpcAddress);
    const failure = await client
      .quoteJob({ algorithmId: Buffer.alloc(32), datasets: [], paramsJson: "" })
      .catch((error) => error);
    expect(failure).toMatchObject({ status: "INTERNAL", code: "INTERNAL" });
    expect(JSON.stringify(failure)).not.toContain("42");
    expect(String(bugs[0])).toContain("42");
    client.close();
  });

  it("streams, and tells the handler when the caller goes away", async () => {
    const client = createGrpcClient(ComputeServiceService, hosted.grpcAddress);
    let seen = 0;
    for await (const _ of client.watchJob({ jobId: Buffer.alloc(32) })) if (++seen === 2) break;
    await expect.poll(() => cancelled).toBe(1);
    client.close();
  });

  it("carries a stream's refusal as it is", async () => {
    const client = createGrpcClient(ComputeServiceService, hosted.grpcAddress);
    const read = async () => {
      for await (const _ of client.watchJob({ jobId: Buffer.alloc(32, 1) }))
        throw new Error("nothing was due");
    };
    await expect(read()).rejects.toMatchObject({ status: "NOT_FOUND", code: "JOB_UNKNOWN" });
    client.close();
  });

  it("answers health and reflection, and UNIMPLEMENTED for a service that is not hosted", async () => {
    const raw = new Client(hosted.grpcAddress, credentials.createInsecure());
    const check = healthDefinition.Check!;
    const status = await new Promise((resolve, reject) =>
      raw.makeUnaryRequest(
        check.path,
        check.requestSerialize,
        check.responseDeserialize,
        { service: "cos.worker.v1.WorkerService" },
        (error, value) => (error ? reject(error) : resolve(value)),
      ),
    );
    expect(status).toMatchObject({ status: "SERVING" });
    raw.close();
    const tasks = createGrpcClient(TaskServiceService, hosted.grpcAddress);
    await expect(tasks.heartbeatTask({ taskId: Buffer.alloc(32), fence: 1n })).rejects.toMatchObject({
      status: "UNIMPLEMENTED",
    });
    tasks.close();
  });

  it("serves HTTP routes with unparsed bodies", async () => {
    expect(await (await fetch(`${hosted.httpUrl}/v1/things/a`)).text()).toBe("a");
    const body = Buffer.alloc(3_000_000, "{");
    const response = await fetch(`${hosted.httpUrl}/v1/things/a`, {
      method: "PUT",
      body,
      headers: { "content-type": "application/json" },
    });
    expect(await response.text()).toBe("3000000");
    expect((await fetch(`${hosted.httpUrl}/nowhere`)).status).toBe(404);
  });
});
