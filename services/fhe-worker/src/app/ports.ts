import type { ByteSpan, EvaluateError, PartedOutput, TaskSpec } from "@cos/programs";
import type { Digest, JobId, ObjectRef, PermitId, Result } from "@cos/protocol";

/** One task as the queue delivered it. */
export interface QueuedTask {
  readonly taskId: Digest;
  readonly jobId: JobId;
  /** Replica that the message names. */
  readonly replica: number;
  /** Where it came out of the queue. */
  readonly partition: number;
}

/** A lease: what to run, where its inputs lie, and the number that fences it. */
export interface TaskLease {
  readonly fence: bigint;
  readonly permitId: PermitId;
  readonly taskJson: string;
  /** In the plan's order, as a reduce task needs them. */
  readonly inputs: readonly (ObjectRef & { readonly url: string })[];
}

export type BeginAnswer =
  | { readonly decision: "RUN"; readonly lease: TaskLease }
  | { readonly decision: "DONE" | "NOT_WANTED" | "LATER" }
  /** The orchestrator knows no such task, or this worker may not run it: asking again changes nothing. */
  | { readonly decision: "REFUSED"; readonly code: string };

/** The orchestrator's TaskService. Every method throws `LeaseLost` for a stale fence, and on lost infrastructure. */
export interface TaskApi {
  begin(task: QueuedTask): Promise<BeginAnswer>;
  /** Keeps the lease; answers after `waitMs`, or as soon as the task is not wanted: then false, stop. */
  heartbeat(task: QueuedTask, fence: bigint, waitMs: number): Promise<boolean>;
  /** Undefined when the object is there already. */
  presignOutput(
    task: QueuedTask,
    fence: bigint,
    output: ObjectRef,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  complete(task: QueuedTask, fence: bigint, completion: Completion): Promise<void>;
  fail(task: QueuedTask, fence: bigint, failure: { code: string; retryable: boolean }): Promise<void>;
  /** Hands the task back unharmed: another worker gets it at once. */
  release(task: QueuedTask, fence: bigint): Promise<void>;
}

export interface Completion {
  readonly output: ObjectRef;
  /** EIP-712 signature over (permit, task, output digest), 0x hex. */
  readonly signature: string;
  readonly bytesRead: number;
  readonly computeSeconds: number;
}

/** Another holds the task now, or nobody wants it any more. */
export class LeaseLost extends Error {}

/** Why bytes did not come or go. `INPUT_TRUNCATED`: the object is there and is not as long as its digest's. */
export type TransferFailure = "INPUT_UNREACHABLE" | "INPUT_TRUNCATED" | "OUTPUT_REFUSED";

/** The object store would not give or take bytes. */
export class TransferFailed extends Error {
  readonly code: TransferFailure;
  constructor(code: TransferFailure, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** A task's output: pieces in memory that follow one another, or one that is in no memory. */
export type Output = readonly Uint8Array[] | PartedOutput;

/** Bytes over presigned URLs. Throws `TransferFailed` after its own retries. */
export interface Transfers {
  /**
   * The bytes lie in shared memory, which their reader gives back.
   * @param sizeBytes of the whole object
   * @param span the part that is wanted; everything when left out
   */
  read(
    url: string,
    sizeBytes: number,
    signal: AbortSignal,
    span?: ByteSpan,
  ): Promise<Uint8Array<SharedArrayBuffer>>;
  /** Takes memory that nobody looks at any more: shared memory for the next block, other memory is freed at once. */
  discard(buffer: ArrayBufferLike): void;
  /**
   * @param bytes those of `output`. Where each try makes them anew, an `EvaluationFailed` of theirs ends all tries, and is
   * thrown
   */
  write(
    url: string,
    output: ObjectRef,
    bytes: readonly Uint8Array[] | PartedOutput["pieces"],
    signal: AbortSignal,
  ): Promise<void>;
}

/** Fetches an input, or a part of it. */
export type ReadInput = (ref: ObjectRef, span?: ByteSpan) => Promise<Uint8Array>;

/**
 * Evaluates in worker threads; `read` is asked for one block at a time. The output is in pieces: a whole result would not
 * fit twice.
 * @param how.inParts whether inputs are read by `span`, so that neither they nor the output are ever in memory as a whole
 */
export type Evaluate = (
  spec: TaskSpec,
  inputs: readonly ObjectRef[],
  read: ReadInput,
  how: { signal: AbortSignal; inParts: boolean },
) => Promise<Result<Output, EvaluateError>>;

/** Signs with the worker's own key. */
export type Attest = (permitId: PermitId, taskId: Digest, outputDigest: Digest) => Promise<string>;
