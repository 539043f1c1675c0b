import { BeginTaskResponse_Decision as Decision, TaskServiceService } from "@cos/proto/compute";
import {
  type GrpcService,
  type GrpcServiceOptions,
  grpcService,
  RpcFault,
  type StatusName,
} from "@cos/service-host";
import { announceWorker } from "../../app/announce-worker.ts";
import { type BeginTaskDeps, type BeginTaskError, beginTask } from "../../app/begin-task.ts";
import { type CompleteTaskDeps, type CompleteTaskError, completeTask } from "../../app/complete-task.ts";
import { type FailTaskDeps, failTask, releaseTask } from "../../app/fail-task.ts";
import { type KeepTaskDeps, keepTask } from "../../app/keep-task.ts";
import { type PresignOutputDeps, type PresignOutputError, presignOutput } from "../../app/presign-output.ts";
import {
  addressField,
  bytesOf,
  countField,
  digestField,
  hexOf,
  jobIdField,
  secondsField,
  toTimestamp,
} from "./wire.ts";

export type TaskServiceDeps = BeginTaskDeps &
  CompleteTaskDeps &
  FailTaskDeps &
  KeepTaskDeps &
  PresignOutputDeps & { readonly announceSeconds: number; readonly partitions: number };

type TaskError = BeginTaskError | CompleteTaskError | PresignOutputError;

const statuses = {
  TASK_NOT_FOUND: "NOT_FOUND",
  REGION_NOT_ATTESTED: "PERMISSION_DENIED",
  STALE_FENCE: "ABORTED",
  BAD_ATTESTATION: "INVALID_ARGUMENT",
  OUTPUT_NOT_STORED: "FAILED_PRECONDITION",
  COMPLETED_OTHERWISE: "ABORTED",
  OUTPUT_TOO_LARGE: "RESOURCE_EXHAUSTED",
} satisfies Record<TaskError["code"], StatusName>;

const decisions = {
  RUN: Decision.DECISION_RUN,
  DONE: Decision.DECISION_DONE,
  NOT_WANTED: Decision.DECISION_NOT_WANTED,
  LATER: Decision.DECISION_LATER,
};

const maxRegions = 16;
const maxCapacity = 1_024;
/** A lease outlasts several waits. */
const maxWaitMs = 10_000;

/** What workers call. */
export const taskService = (deps: TaskServiceDeps, options: GrpcServiceOptions): GrpcService =>
  grpcService(
    TaskServiceService,
    {
      announceWorker: async ({ worker, regions, capacity, leaving }) => {
        if (regions.length > maxRegions || regions.some((region) => !/^[\x21-\x7e]{1,31}$/.test(region))) {
          throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "regions" });
        }
        const address = addressField(worker, "worker");
        if (capacity !== undefined && (capacity < 1 || capacity > maxCapacity)) {
          throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "capacity" });
        }
        await announceWorker(deps, { worker: address, regions, capacity, leaving: leaving ?? false });
        return { againAfterSeconds: deps.announceSeconds };
      },
      beginTask: async (request) => {
        const jobId = jobIdField(request.jobId);
        const taskId = digestField(request.taskId, "task_id");
        const worker = addressField(request.worker, "worker");
        const { replica, partition } = request;
        if (partition !== undefined && partition >= deps.partitions) {
          throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "partition" });
        }
        const begun = await beginTask(deps, { jobId, taskId, worker, replica, partition });
        if (!begun.ok) throw RpcFault.of(begun.error, statuses);
        const none = { fence: 0n, leaseUntil: undefined, taskJson: "", inputs: [] };
        const base = { ...none, decision: decisions[begun.value.decision], permitId: bytesOf(jobId) };
        if (begun.value.decision !== "RUN") return base;
        const { fence, leaseUntil, description, inputs } = begun.value;
        return {
          ...base,
          fence,
          leaseUntil: toTimestamp(leaseUntil),
          taskJson: description,
          inputs: inputs.map(({ digest, url, sizeBytes }) => ({
            digest: bytesOf(digest),
            url,
            sizeBytes: BigInt(sizeBytes),
          })),
        };
      },
      heartbeatTask: async ({ fence, waitMs }, { signal }) => {
        const kept = await keepTask(deps, fence, { waitMs: Math.min(waitMs ?? 0, maxWaitMs), gone: signal });
        if (!kept.ok) throw RpcFault.of(kept.error, statuses);
        return { wanted: kept.value.wanted, leaseUntil: toTimestamp(kept.value.leaseUntil) };
      },
      presignOutput: async ({ fence, digest, sizeBytes }) => {
        const output = {
          digest: digestField(digest, "digest"),
          sizeBytes: countField(sizeBytes, "size_bytes"),
        };
        const url = await presignOutput(deps, { fence, ...output });
        if (!url.ok) throw RpcFault.of(url.error, statuses);
        return { url: url.value };
      },
      completeTask: async (request) => {
        if (request.signature.length !== 65) {
          throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "signature" });
        }
        const counted = await completeTask(deps, request.fence, {
          digest: digestField(request.outputDigest, "output_digest"),
          sizeBytes: countField(request.sizeBytes, "size_bytes"),
          signature: hexOf(request.signature),
          bytesRead: countField(request.bytesRead, "bytes_read"),
          computeSeconds: secondsField(request.computeSeconds, "compute_seconds"),
        });
        if (!counted.ok) throw RpcFault.of(counted.error, statuses);
        return { counted: counted.value };
      },
      failTask: async ({ fence, code, retryable }) => {
        if (!/^[A-Z][A-Z0-9_]{0,63}$/.test(code)) {
          throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "code" });
        }
        const failed = await failTask(deps, { fence, code, retryable });
        if (!failed.ok) throw RpcFault.of(failed.error, statuses);
        return {};
      },
      releaseTask: async ({ fence }) => {
        const released = await releaseTask(deps, { fence });
        if (!released.ok) throw RpcFault.of(released.error, statuses);
        return {};
      },
    },
    options,
  );
