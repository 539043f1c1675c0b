import type { Job, QuoteJobRequest, QuoteJobResponse } from "@cos/proto/compute";
import { type Address, type Digest, err, ok, type Result } from "@cos/protocol";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { AccessPort } from "./ports.ts";

/** The orchestrator. Its refusals pass through as it states them. */
export type ComputePort = {
  quoteJob(request: QuoteJobRequest): Promise<QuoteJobResponse>;
  getJob(jobId: Digest): Promise<Job | undefined>;
  listJobs(filter: { grantee?: Address; datasetId?: string; pageSize: number }): Promise<Job[]>;
  watchJob(jobId: Digest, signal: AbortSignal): AsyncIterable<Job>;
};

/** Jobs, shown to their grantee and to the owners of their datasets; to everybody else they do not exist. */
export class Jobs {
  readonly #access: AccessPort;
  readonly #compute: ComputePort;
  constructor(access: AccessPort, compute: ComputePort) {
    this.#access = access;
    this.#compute = compute;
  }

  quote(request: QuoteJobRequest): Promise<QuoteJobResponse> {
    return this.#compute.quoteJob(request);
  }

  /** @errors `NOT_FOUND` */
  async get(caller: Address, jobId: Digest): Promise<Result<Job, Refusal>> {
    const job = await this.#compute.getJob(jobId);
    const mayRead =
      job !== undefined && (isGrantee(caller, job) || (await this.#ownsOneOf(caller, job.datasetIds)));
    return mayRead ? ok(job) : err(refusal("NOT_FOUND", { jobId }));
  }

  /** Without a dataset: the caller's as grantee. With one: all of its jobs for its owner, the caller's own for others. */
  async list(caller: Address, datasetId: string, pageSize: number): Promise<Job[]> {
    if (datasetId === "") return this.#compute.listJobs({ grantee: caller, pageSize });
    const isOwner = await this.#ownsOneOf(caller, [datasetId]);
    return this.#compute.listJobs({ datasetId, pageSize, ...(isOwner ? {} : { grantee: caller }) });
  }

  /** The job after every change; ends when it is terminal or when the caller may no longer see it. */
  async *watch(caller: Address, jobId: Digest, signal: AbortSignal): AsyncIterable<Job> {
    for await (const job of this.#compute.watchJob(jobId, signal)) {
      if (!isGrantee(caller, job) && !(await this.#ownsOneOf(caller, job.datasetIds))) return;
      yield job;
    }
  }

  async #ownsOneOf(caller: Address, datasetIds: readonly string[]): Promise<boolean> {
    for (const datasetId of datasetIds) {
      const dataset = await this.#access.getDataset(datasetId);
      if (dataset?.owner === caller && !dataset.suspended) return true;
    }
    return false;
  }
}

const isGrantee = (caller: Address, job: Job): boolean =>
  `0x${Buffer.from(job.grantee).toString("hex")}` === caller;
