import {
  ComputeServiceService,
  type Job as JobMessage,
  JobState as JobStateCode,
  type PlanAlternative,
} from "@cos/proto/compute";
import { canonicalJson } from "@cos/protocol";
import {
  type GrpcService,
  type GrpcServiceOptions,
  grpcService,
  RpcFault,
  type StatusName,
} from "@cos/service-host";
import { type QuotedAlternative, type QuoteJobDeps, quoteJob } from "../../app/quote-job.ts";
import { getJob, type JobView, listJobs, type ReadJobsDeps, watchJob } from "../../app/read-jobs.ts";
import type { JobState } from "../../domain/job-state.ts";
import { addressField, bytesOf, decimalField, digestField, jobIdField, toTimestamp } from "./wire.ts";

const stateCodes = {
  PERMITTED: JobStateCode.JOB_STATE_PERMITTED,
  PLANNED: JobStateCode.JOB_STATE_PLANNED,
  RUNNING: JobStateCode.JOB_STATE_RUNNING,
  REDUCING: JobStateCode.JOB_STATE_REDUCING,
  COMPLETED: JobStateCode.JOB_STATE_COMPLETED,
  COMMITTED: JobStateCode.JOB_STATE_COMMITTED,
  SETTLED: JobStateCode.JOB_STATE_SETTLED,
  REJECTED: JobStateCode.JOB_STATE_REJECTED,
  FAILED: JobStateCode.JOB_STATE_FAILED,
  CANCELLED: JobStateCode.JOB_STATE_CANCELLED,
  EXPIRED: JobStateCode.JOB_STATE_EXPIRED,
} satisfies Record<JobState, JobMessage["state"]>;

const none = Buffer.alloc(0);

/** A job as the wire has it. What stands on chain goes before what was computed here. */
export function toJobMessage({ job, transitions, progress }: JobView): JobMessage {
  const result = job.posted ?? job.result;
  return {
    jobId: bytesOf(job.jobId),
    state: stateCodes[job.state],
    reason: job.reason,
    factsJson: Object.keys(job.facts).length === 0 ? "" : canonicalJson(job.facts),
    grantee: bytesOf(job.terms.grantee),
    datasetIds: job.terms.datasets.map((dataset) => dataset.datasetId),
    algorithmId: bytesOf(job.terms.algorithmId),
    planDigest: job.planDigest ? bytesOf(job.planDigest) : none,
    tasksTotal: progress.tasksTotal,
    tasksDone: progress.tasksDone,
    resultCommitment: result ? bytesOf(result.commitment) : none,
    resultUri: result?.uri ?? "",
    transitions: transitions.map(({ state, at }) => ({ state: stateCodes[state], at: toTimestamp(at) })),
    bytesRead: BigInt(progress.bytesRead),
    computeSeconds: progress.computeSeconds,
    paused: job.paused,
  };
}

/** Which status a refused quote gets: what the chain does not know is not found, all else could never run as asked. */
const quoteStatus = (code: string): StatusName => {
  if (code === "PARAMS_MALFORMED") return "INVALID_ARGUMENT";
  return code.endsWith("_UNKNOWN") && !code.startsWith("TRAIT") && !code.startsWith("PROFILE")
    ? "NOT_FOUND"
    : "FAILED_PRECONDITION";
};

const maxPage = 200;
const defaultPage = 50;
const maxDatasets = 16;
const maxParamsCharacters = 100_000;

const toAlternativeMessage = (each: QuotedAlternative): PlanAlternative => {
  const { code: lost = "", ...facts } = each.lost ?? {};
  return {
    dataset: each.dataset,
    name: each.name,
    profile: each.profile ?? "",
    lost,
    factsJson: lost === "" ? "" : canonicalJson(facts),
    maxRowsPerRun: Math.min(each.maxRowsPerRun ?? 0, 2 ** 32 - 1),
    runs: each.runs ?? 0,
    contractions: each.contractions ?? 0,
    tasks: each.tasks ?? 0,
    restBytes: BigInt(each.restBytes ?? 0),
    inputBytes: BigInt(each.cost?.inputBytes ?? 0),
    resultBytes: BigInt(each.cost?.resultBytes ?? 0),
    engines: [...each.seconds],
    computeFee: String(each.computeFee ?? 0n),
  };
};

/** Quotes and jobs. */
export const computeService = (deps: QuoteJobDeps & ReadJobsDeps, options: GrpcServiceOptions): GrpcService =>
  grpcService(
    ComputeServiceService,
    {
      quoteJob: async ({ algorithmId, datasets, paramsJson }) => {
        if (datasets.length < 1 || datasets.length > maxDatasets) {
          throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "datasets" });
        }
        if (paramsJson.length > maxParamsCharacters) {
          throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "params_json" });
        }
        const quote = await quoteJob(deps, {
          algorithmId: digestField(algorithmId, "algorithm_id"),
          datasets: datasets.map(({ datasetId, version }) => ({
            datasetId: decimalField(datasetId, "dataset_id"),
            version,
          })),
          paramsJson,
        });
        if (!quote.ok) {
          const { code, facts } = quote.error;
          throw new RpcFault(quoteStatus(code), code, facts);
        }
        const { paramsHash, planDigest, tasks, inputBytes, resultBytes, computeSeconds, computeFee } =
          quote.value;
        return {
          alternatives: quote.value.alternatives.map(toAlternativeMessage),
          costModel: quote.value.costModel,
          paramsHash: bytesOf(paramsHash),
          planDigest: bytesOf(planDigest),
          tasks,
          inputBytes: BigInt(inputBytes),
          resultBytes: BigInt(resultBytes),
          computeSeconds,
          computeFee: computeFee.toString(),
          datasets: quote.value.datasets.map(({ datasetId, version, manifestCommitment }) => ({
            datasetId,
            version,
            manifestCommitment: bytesOf(manifestCommitment),
          })),
        };
      },
      getJob: async (request) => ({ job: toJobMessage(await existing(deps, request.jobId)) }),
      listJobs: async ({ grantee, datasetId, pageSize }) => {
        const views = await listJobs(deps, {
          ...(grantee.length === 0 ? {} : { grantee: addressField(grantee, "grantee") }),
          ...(datasetId === "" ? {} : { datasetId: decimalField(datasetId, "dataset_id") }),
          limit: pageSize === 0 ? defaultPage : Math.min(maxPage, pageSize),
        });
        return { jobs: views.map(toJobMessage) };
      },
      watchJob: async function* (request, { signal }) {
        const { job } = await existing(deps, request.jobId);
        for await (const view of watchJob(deps, job.jobId, signal)) yield { job: toJobMessage(view) };
      },
    },
    options,
  );

async function existing(deps: ReadJobsDeps, bytes: Uint8Array): Promise<JobView> {
  const view = await getJob(deps, jobIdField(bytes));
  if (!view) throw new RpcFault("NOT_FOUND", "JOB_NOT_FOUND");
  return view;
}
