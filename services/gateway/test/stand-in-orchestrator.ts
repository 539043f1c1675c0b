import { descriptorSet } from "@cos/proto";
import { ComputeServiceService, type Job, type ListJobsRequest, QuoteJobResponse } from "@cos/proto/compute";
import {
  type GrpcHandlers,
  grpcService,
  type HostedService,
  hostService,
  RpcFault,
  requireServiceToken,
} from "@cos/service-host";

/** What the orchestrator would know, served over real gRPC and guarded by the service token as the real one is. */
export class StandInOrchestrator {
  readonly jobs = new Map<string, Job>();
  readonly listed: ListJobsRequest[] = [];
  refuseQuote: RpcFault | undefined;
  watched: Job[] = [];
  hosted: HostedService | undefined;

  async start(serviceToken: string): Promise<string> {
    const handlers: GrpcHandlers<typeof ComputeServiceService> = {
      quoteJob: async () => {
        if (this.refuseQuote !== undefined) throw this.refuseQuote;
        return QuoteJobResponse.fromPartial({ tasks: 7 });
      },
      getJob: async ({ jobId }) => {
        const job = this.jobs.get(Buffer.from(jobId).toString("hex"));
        if (job === undefined) throw new RpcFault("NOT_FOUND", "NOT_FOUND");
        return { job };
      },
      listJobs: async (request) => {
        this.listed.push(request);
        const grantee = Buffer.from(request.grantee).toString("hex");
        const jobs = [...this.jobs.values()].filter(
          (job) =>
            (grantee === "" || Buffer.from(job.grantee).toString("hex") === grantee) &&
            (request.datasetId === "" || job.datasetIds.includes(request.datasetId)),
        );
        return { jobs };
      },
      watchJob: async function* (this: StandInOrchestrator) {
        for (const job of this.watched) yield { job };
      }.bind(this),
    };
    this.hosted = await hostService({
      host: "127.0.0.1",
      grpc: {
        port: 0,
        services: [
          grpcService(ComputeServiceService, handlers, { guard: requireServiceToken(serviceToken) }),
        ],
        descriptorSet: descriptorSet(),
      },
    });
    return this.hosted.grpcAddress;
  }
}
