import { ComputeServiceService } from "@cos/proto/compute";
import { createGrpcClient, RpcFault, type StatusName, type Wire } from "@cos/service-host";
import type { ComputePort } from "../../app/jobs.ts";
import { ServiceUnavailable } from "../../app/ports.ts";
import { toBytes } from "./wire.ts";

/** Refusals that are the caller's to hear; any other failure means that the orchestrator cannot answer. */
const passedOn: ReadonlySet<StatusName> = new Set([
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "FAILED_PRECONDITION",
  "RESOURCE_EXHAUSTED",
  "OUT_OF_RANGE",
  "CANCELLED",
]);

/** The orchestrator's ComputeService over gRPC. @param address `host:port` */
export function computeClient(
  address: string,
  metadata: Readonly<Record<string, string>>,
  wire?: Wire,
): ComputePort & { close(): void } {
  const client = createGrpcClient(ComputeServiceService, address, metadata, { wire });
  return {
    quoteJob: (request) => reach(() => client.quoteJob(request)),
    getJob: async (jobId) => {
      try {
        return (await reach(() => client.getJob({ jobId: toBytes(jobId) }))).job;
      } catch (error) {
        if (error instanceof RpcFault && error.status === "NOT_FOUND") return undefined;
        throw error;
      }
    },
    listJobs: async ({ grantee, datasetId = "", pageSize }) => {
      const address = grantee === undefined ? Buffer.alloc(0) : toBytes(grantee);
      return (await reach(() => client.listJobs({ grantee: address, datasetId, pageSize }))).jobs;
    },
    watchJob: async function* (jobId, signal) {
      try {
        for await (const { job } of client.watchJob({ jobId: toBytes(jobId) }, { signal })) {
          if (job !== undefined) yield job;
        }
      } catch (error) {
        throw toFailure(error);
      }
    },
    close: () => client.close(),
  };
}

async function reach<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toFailure(error);
  }
}

const toFailure = (error: unknown): unknown =>
  error instanceof RpcFault && passedOn.has(error.status)
    ? error
    : new ServiceUnavailable("orchestrator", { cause: error });
