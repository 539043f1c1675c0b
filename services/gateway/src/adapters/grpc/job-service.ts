import { JobServiceService } from "@cos/proto/gateway";
import { type GrpcService, type GrpcServiceOptions, grpcService } from "@cos/service-host";
import type { Jobs } from "../../app/jobs.ts";
import type { Sessions } from "../../app/sessions.ts";
import { refusal } from "../../domain/refusal.ts";
import { orRefuse, orUnavailable } from "./or-refuse.ts";
import { readCaller, readDatasetId, readDigest, readPageSize, readText } from "./read-fields.ts";
import { toRpcError, toRpcFault } from "./to-rpc-fault.ts";

const maxParamsLength = 65_536;
const maxDatasets = 64;

export const jobService = (sessions: Sessions, jobs: Jobs, options: GrpcServiceOptions): GrpcService =>
  grpcService(
    JobServiceService,
    {
      quoteJob: async ({ quote }, call) => {
        await readCaller(sessions, call);
        if (quote === undefined) throw toRpcFault(refusal("INVALID_FIELD", { field: "quote" }));
        readDigest(quote.algorithmId, "quote.algorithm_id");
        readText(quote.paramsJson, "quote.params_json", maxParamsLength);
        if (quote.datasets.length < 1 || quote.datasets.length > maxDatasets) {
          throw toRpcFault(
            refusal("INVALID_FIELD", { field: "quote.datasets", detail: `1 to ${maxDatasets}` }),
          );
        }
        for (const { datasetId } of quote.datasets) readDatasetId(datasetId, "quote.datasets.dataset_id");
        return { quote: await orUnavailable(jobs.quote(quote)) };
      },
      getJob: async ({ jobId }, call) => {
        const caller = await readCaller(sessions, call);
        return { job: await orRefuse(jobs.get(caller, readDigest(jobId, "job_id"))) };
      },
      listJobs: async ({ datasetId, pageSize }, call) => {
        const caller = await readCaller(sessions, call);
        if (datasetId !== "") readDatasetId(datasetId);
        return { jobs: await orUnavailable(jobs.list(caller, datasetId, readPageSize(pageSize))) };
      },
      watchJob: async function* (request, call) {
        const caller = await readCaller(sessions, call);
        const jobId = readDigest(request.jobId, "job_id");
        await orRefuse(jobs.get(caller, jobId)); // NOT_FOUND before the stream begins.
        try {
          for await (const job of jobs.watch(caller, jobId, call.signal)) yield { job };
        } catch (error) {
          throw toRpcError(error);
        }
      },
    },
    options,
  );
