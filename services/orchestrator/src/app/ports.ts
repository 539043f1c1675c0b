import type { Address, Digest, JobId } from "@cos/protocol";
import type { Tx } from "@cos/store";
import type { PermitTerms, StopTarget } from "../domain/chain-effect.ts";
import type { Slot } from "../domain/decide-begin.ts";
import type { TaskFailure } from "../domain/decide-failure.ts";
import type { Job, ResultRef, StopCause } from "../domain/job.ts";
import type { JobState } from "../domain/job-state.ts";

export type { Tx };

/** Runs `work` in one transaction: everything it stored and every message it published commit together, or not. */
export type InTransaction = <T>(work: (tx: Tx) => Promise<T>) => Promise<T>;

/** Unix seconds. */
export type Clock = () => number;

/** Place of a log in the chain: what came before what. */
export type LogPosition = { readonly block: number; readonly logIndex: number };

/** What of a plan the result's claim repeats. */
export type PlanSummary = {
  readonly planDigest: Digest;
  readonly inputsRoot: Digest;
  readonly contextDigest: Digest;
};

/** Jobs, their history and the logs that stop them. `lock` holds the row until the transaction ends. */
export interface JobRecords {
  /** False when the job exists already. */
  insert(
    tx: Tx,
    job: { terms: PermitTerms; region: string; wanted: number; at: number; issued: LogPosition },
  ): Promise<boolean>;
  lock(tx: Tx, jobId: JobId): Promise<Job | undefined>;
  /** Reads without holding it, in the transaction if one is given. */
  find(jobId: JobId, tx?: Tx): Promise<Job | undefined>;
  list(filter: { grantee?: Address; datasetId?: string; limit: number }): Promise<Job[]>;
  transitions(jobIds: readonly JobId[]): Promise<Map<JobId, { state: JobState; at: number }[]>>;
  /** Stores what changes in a job, guarded by the state it comes from. False when the guard refuses. */
  save(tx: Tx, job: Job, from: JobState): Promise<boolean>;
  addTransition(tx: Tx, jobId: JobId, state: JobState, at: number): Promise<void>;
  moveIssue(tx: Tx, jobId: JobId, issued: LogPosition): Promise<void>;
  savePlan(tx: Tx, jobId: JobId, region: string, plan: PlanSummary): Promise<void>;
  planOf(jobId: JobId): Promise<PlanSummary | undefined>;
  /** Jobs of the target whose permits were issued before `position`. */
  matching(tx: Tx, target: StopTarget, position: LogPosition): Promise<JobId[]>;
  addStop(tx: Tx, jobId: JobId, stop: StopCause): Promise<void>;
  /** Forgets a retracted log; answers the jobs that it named. */
  removeStop(tx: Tx, logKey: string): Promise<JobId[]>;
  stops(tx: Tx, jobId: JobId): Promise<StopCause[]>;
  /** Jobs in the state, not paused, oldest first, whose next attempt is due. */
  due(state: JobState, now: number, limit: number): Promise<JobId[]>;
  /** Puts the job's next attempt off; answers how often that was done. */
  postpone(jobId: JobId, retryAt: (attempts: number) => number): Promise<number>;
  /** Jobs that may expire by the clock and whose time is over. */
  overdue(now: number, limit: number): Promise<JobId[]>;
  paused(): Promise<{ jobId: JobId; lostAtBlock: number }[]>;
  /** Wakes the loops that move jobs on, and whoever watches this one, after the commit. */
  changed(tx: Tx, jobId: JobId): void;
}

/** A task to store. */
export type NewTask = {
  readonly taskId: Digest;
  /** 0 for map tasks, 1 for the reduce task, which waits until every map task is settled. */
  readonly stage: 0 | 1;
  /** Index in the plan. */
  readonly ordinal: number;
  /** What the worker gets: `TaskSpec` of @cos/programs as JSON. */
  readonly description: string;
  readonly inputBytes: number;
  readonly maxOutputBytes: number;
};

export type StoredObject = { readonly digest: Digest; readonly sizeBytes: number };

export type Task = NewTask & {
  readonly jobId: JobId;
  /** The agreed output; `undefined` until its replicas agree. */
  readonly output: StoredObject | undefined;
};

export type ReplicaKey = { readonly jobId: JobId; readonly taskId: Digest; readonly replica: number };

/** What a worker says it has produced. */
export type Completion = StoredObject & {
  readonly signature: string;
  readonly bytesRead: number;
  readonly computeSeconds: number;
};

/** A leased or finished replica, found by its fence. */
export type Lease = ReplicaKey & {
  readonly state: Slot["state"];
  readonly worker: Address;
  readonly output: Digest | undefined;
};

/** A finished replica's output and who vouches for it. */
export type Attested = StoredObject & { readonly worker: Address; readonly signature: string };

/** A replica to publish. */
export type QueuedReplica = ReplicaKey & {
  readonly region: string;
  readonly inputBytes: number;
  /** How often it was published before. */
  readonly published: number;
};

/** Tasks and their replicas. */
export interface TaskRecords {
  addTasks(tx: Tx, jobId: JobId, tasks: readonly NewTask[]): Promise<void>;
  find(tx: Tx, jobId: JobId, taskId: Digest): Promise<Task | undefined>;
  /** All tasks of a job in the plan's order. */
  ofJob(tx: Tx, jobId: JobId): Promise<Task[]>;
  unsettled(tx: Tx, jobId: JobId, stage: 0 | 1): Promise<number>;
  /** Makes the tasks of a stage wait for workers: `replicas` each. */
  openStage(tx: Tx, jobId: JobId, stage: 0 | 1, replicas: number): Promise<void>;
  slots(tx: Tx, jobId: JobId, taskId: Digest): Promise<Slot[]>;
  /** Finished replicas, in order of replica number. */
  outputs(tx: Tx, jobId: JobId, taskId: Digest): Promise<Attested[]>;
  outputsOfJob(tx: Tx, jobId: JobId): Promise<Map<Digest, Attested[]>>;
  addReplica(tx: Tx, key: ReplicaKey): Promise<void>;
  /** Leases the replica to the worker under a new fence. */
  lease(tx: Tx, key: ReplicaKey, worker: Address, leaseUntil: number): Promise<bigint>;
  byFence(tx: Tx, fence: bigint): Promise<Lease | undefined>;
  extend(tx: Tx, fence: bigint, leaseUntil: number): Promise<void>;
  complete(tx: Tx, fence: bigint, completion: Completion): Promise<void>;
  /** Back to WAITING, not to be published before `readyAt`; its fence is void. */
  release(tx: Tx, key: ReplicaKey, readyAt: number): Promise<void>;
  /** Published replicas that nobody began go back to WAITING, to be published anew. */
  requeue(tx: Tx, jobId: JobId): Promise<void>;
  settle(tx: Tx, jobId: JobId, taskId: Digest, output: StoredObject): Promise<void>;
  addFailure(
    tx: Tx,
    lease: Lease,
    fence: bigint,
    failure: { code: string; retryable: boolean; at: number },
  ): Promise<void>;
  failures(tx: Tx, jobId: JobId, taskId: Digest): Promise<TaskFailure[]>;
  /** What waits and what is outstanding; the caller is alone with the queue until its transaction ends. */
  queue(
    tx: Tx,
    now: number,
    perGrantee: number,
  ): Promise<{
    waiting: { key: QueuedReplica; grantee: string }[];
    outstanding: Map<string, number>;
    lastServed: string | undefined;
  }>;
  markQueued(tx: Tx, keys: readonly ReplicaKey[], now: number, lastServed: string | undefined): Promise<void>;
  /**
   * Replicas whose lease ended go back to WAITING; so do those that nobody began within `republishSeconds` of their
   * publication, twice as long after each: a long queue is no reason to make it longer.
   */
  reclaim(tx: Tx, now: number, republishSeconds: number): Promise<number>;
  /** Jobs under way, not paused, none of whose replicas waits or runs, and whose result is not settled. */
  stalled(limit: number): Promise<JobId[]>;
  /** Tie-breaking replicas that wait since `before` without a worker. */
  stuckTieBreakers(before: number): Promise<ReplicaKey[]>;
  progress(jobIds: readonly JobId[]): Promise<Map<JobId, JobProgress>>;
}

export type JobProgress = {
  /** Task replicas. */
  readonly tasksTotal: number;
  readonly tasksDone: number;
  readonly bytesRead: number;
  readonly computeSeconds: number;
};

/** Workers that were heard of. */
export interface WorkerRecords {
  seen(tx: Tx, worker: Address, regions: readonly string[], at: number): Promise<void>;
  /** Workers of a region heard of since `since`. */
  known(tx: Tx, region: string, since: number): Promise<Address[]>;
}

/** Digests that workers were given a place for: what the sweeper looks through. */
export interface UploadRecords {
  add(tx: Tx, digest: Digest, at: number): Promise<void>;
  /** Uploads older than `before` that neither a job under way nor a result names. */
  unreferenced(before: number, limit: number): Promise<Digest[]>;
  forget(digest: Digest): Promise<void>;
}

/** Outgoing messages, through the outbox of the transaction. */
export interface Announcer {
  taskQueued(tx: Tx, replica: QueuedReplica): Promise<void>;
  jobPlanned(tx: Tx, jobId: JobId, planDigest: Digest, replicas: number): Promise<void>;
  jobCompleted(tx: Tx, jobId: JobId, result: ResultRef): Promise<void>;
  jobEnded(
    tx: Tx,
    jobId: JobId,
    how: "jobRejected" | "jobFailed" | "jobCancelled",
    reason: string,
  ): Promise<void>;
}

/** Stored objects by digest. */
export interface Objects {
  /** The whole object, verified against its digest; `undefined` when it is not there or larger than `maxBytes`. */
  read(digest: Digest, maxBytes: number): Promise<Uint8Array | undefined>;
  write(bytes: Uint8Array): Promise<StoredObject>;
  sizeOf(digest: Digest): Promise<number | undefined>;
  readUrl(digest: Digest): Promise<string>;
  writeUrl(object: StoredObject): Promise<string>;
  remove(digest: Digest): Promise<void>;
}

/** A dataset as the mirror shows it. Region codes are 32 bytes hex, zeros mean anywhere. */
export type DatasetView = {
  readonly regionCode: Digest;
  readonly versions: readonly { version: number; manifestCommitment: Digest; manifestUri: string }[];
};

/** The mirrored chain. A call that cannot be answered now throws; `undefined` means that the mirror has no such thing. */
export interface Authority {
  /** State of a permit: `issued`, `posted` and so on. */
  permitState(permitId: JobId): Promise<string | undefined>;
  dataset(datasetId: string): Promise<DatasetView | undefined>;
  algorithm(algorithmId: Digest): Promise<{ state: string; uri: string } | undefined>;
  /** Whether every clause of the dataset's grant holds now for this permit; the refusing code otherwise. */
  mayCompute(
    terms: PermitTerms,
    dataset: PermitTerms["datasets"][number],
  ): Promise<{ allowed: true } | { allowed: false; code: string; clause: number }>;
  /** Name of the region that a worker is attested for now. */
  regionOf(worker: Address): Promise<string | undefined>;
  finalizedBlock(): Promise<number>;
}
