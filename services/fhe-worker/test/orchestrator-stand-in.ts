import { descriptorSet } from "@cos/proto";
import {
  type AnnounceWorkerRequest,
  type BeginTaskRequest,
  type BeginTaskResponse,
  type CompleteTaskRequest,
  BeginTaskResponse_Decision as Decision,
  type FailTaskRequest,
  TaskServiceService,
} from "@cos/proto/compute";
import { grpcService, hostService, RpcFault, requireServiceToken } from "@cos/service-host";

/** What a test says about tasks; ids as hex. */
export type Script = {
  begin: (
    request: BeginTaskRequest,
  ) => Promise<Partial<BeginTaskResponse> & Pick<BeginTaskResponse, "decision">>;
  wanted: (fence: bigint) => boolean;
  outputUrl: (digest: Uint8Array, sizeBytes: bigint) => Promise<string>;
};

/** The orchestrator as a worker sees it: real gRPC, answers by script, everything told written down. */
export async function startOrchestratorStandIn(script: Script, serviceToken: string) {
  const told = {
    announced: [] as AnnounceWorkerRequest[],
    completed: [] as CompleteTaskRequest[],
    failed: [] as FailTaskRequest[],
    released: [] as bigint[],
    heartbeats: 0,
  };
  const stale = new Set<bigint>();
  const fenced = (fence: bigint) => {
    if (stale.has(fence)) throw new RpcFault("ABORTED", "STALE_FENCE");
  };
  const service = grpcService(
    TaskServiceService,
    {
      announceWorker: async (request) => {
        told.announced.push(request);
        return { againAfterSeconds: 600 };
      },
      beginTask: async (request) => ({
        fence: 0n,
        leaseUntil: undefined,
        taskJson: "",
        inputs: [],
        permitId: request.jobId as Buffer,
        ...(await script.begin(request)),
      }),
      heartbeatTask: async ({ fence }) => {
        told.heartbeats += 1;
        fenced(fence);
        return { wanted: script.wanted(fence), leaseUntil: undefined };
      },
      presignOutput: async ({ fence, digest, sizeBytes }) => {
        fenced(fence);
        return { url: await script.outputUrl(digest, sizeBytes) };
      },
      completeTask: async (request) => {
        fenced(request.fence);
        told.completed.push(request);
        return { counted: true };
      },
      failTask: async (request) => {
        fenced(request.fence);
        told.failed.push(request);
        return {};
      },
      releaseTask: async ({ fence }) => {
        fenced(fence);
        told.released.push(fence);
        return {};
      },
    },
    { guard: requireServiceToken(serviceToken) },
  );
  const hosted = await hostService({
    host: "127.0.0.1",
    grpc: { port: 0, services: [service], descriptorSet: descriptorSet() },
  });
  return { address: hosted.grpcAddress, told, stale, close: () => hosted.close() };
}

export { Decision };
