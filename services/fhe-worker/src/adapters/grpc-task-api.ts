import { BeginTaskResponse_Decision as Decision, type TaskServiceService } from "@cos/proto/compute";
import { type Address, asDigest, asPermitId, type Digest } from "@cos/protocol";
import { type GrpcClient, RpcFault } from "@cos/service-host";
import { type BeginAnswer, LeaseLost, type QueuedTask, type TaskApi } from "../app/ports.ts";

const bytesOf = (hex: string): Buffer => Buffer.from(hex.slice(2), "hex");
/** For an answer that should come at once. */
const answerMs = 5_000;
/** The longest that the orchestrator lets a heartbeat wait. */
const maxWaitMs = 10_000;
const digestOf = (bytes: Uint8Array): Digest => asDigest(`0x${Buffer.from(bytes).toString("hex")}`);

/** The orchestrator's TaskService over gRPC. ABORTED, and NOT_FOUND of a job that is gone, mean that the lease is lost. */
export function grpcTaskApi(client: GrpcClient<typeof TaskServiceService>, worker: Address): TaskApi {
  const leased = (task: QueuedTask, fence: bigint) => ({ taskId: bytesOf(task.taskId), fence });
  return {
    begin: async (task) => {
      const request = {
        taskId: bytesOf(task.taskId),
        jobId: bytesOf(task.jobId),
        worker: bytesOf(worker),
        replica: task.replica,
        partition: task.partition,
      };
      try {
        return toAnswer(await client.beginTask(request));
      } catch (error) {
        if (!(error instanceof RpcFault) || !final.has(error.status)) throw error;
        return { decision: "REFUSED", code: error.code };
      }
    },
    heartbeat: async (task, fence, waitMs) => {
      const request = { ...leased(task, fence), waitMs: Math.min(waitMs, maxWaitMs) };
      const deadlineMs = request.waitMs + answerMs;
      const { wanted } = await orLeaseLost(client.heartbeatTask(request, { deadlineMs }));
      return wanted;
    },
    presignOutput: async (task, fence, { digest, sizeBytes }, signal) => {
      const request = { ...leased(task, fence), digest: bytesOf(digest), sizeBytes: BigInt(sizeBytes) };
      const { url } = await orLeaseLost(client.presignOutput(request, { signal }));
      return url === "" ? undefined : url;
    },
    complete: async (task, fence, { output, signature, bytesRead, computeSeconds }) => {
      await orLeaseLost(
        client.completeTask({
          ...leased(task, fence),
          outputDigest: bytesOf(output.digest),
          sizeBytes: BigInt(output.sizeBytes),
          signature: bytesOf(signature),
          bytesRead: BigInt(bytesRead),
          computeSeconds,
        }),
      );
    },
    fail: async (task, fence, failure) => {
      await orLeaseLost(client.failTask({ ...leased(task, fence), ...failure }));
    },
    release: async (task, fence) => {
      await orLeaseLost(client.releaseTask(leased(task, fence), { deadlineMs: answerMs }));
    },
  };
}

/** Refusals of a begin that no repetition changes; everything else is the network's or a restart's, and passes. */
const final = new Set(["NOT_FOUND", "PERMISSION_DENIED", "INVALID_ARGUMENT"]);

type BeginTaskReply = Awaited<ReturnType<GrpcClient<typeof TaskServiceService>["beginTask"]>>;

function toAnswer(reply: BeginTaskReply): BeginAnswer {
  switch (reply.decision) {
    case Decision.DECISION_RUN: {
      const { fence, taskJson, permitId } = reply;
      const inputs = reply.inputs.map(({ digest, url, sizeBytes }) => ({
        digest: digestOf(digest),
        url,
        sizeBytes: Number(sizeBytes),
      }));
      return {
        decision: "RUN",
        lease: { fence, taskJson, inputs, permitId: asPermitId(digestOf(permitId)) },
      };
    }
    case Decision.DECISION_DONE:
      return { decision: "DONE" };
    case Decision.DECISION_NOT_WANTED:
      return { decision: "NOT_WANTED" };
    case Decision.DECISION_LATER:
      return { decision: "LATER" };
    default:
      throw new RpcFault("INTERNAL", "DECISION_UNKNOWN", { decision: reply.decision });
  }
}

async function orLeaseLost<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof RpcFault && (error.status === "ABORTED" || error.status === "NOT_FOUND")) {
      throw new LeaseLost(error.code);
    }
    throw error;
  }
}
