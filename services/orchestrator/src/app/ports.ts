import type { Address, Digest, JobId } from "@cos/protocol";
import type { Tx } from "@cos/store";
import type { PermitTerms, StopTarget } from "../domain/chain-effect.ts";
import type { WaitingReplica } from "../domain/choose-tasks.ts";
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
  /** Jobs in the state, not paused, whose next attempt is due: every grantee's oldest first, then their second ones. */
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
  /** Planned work, in the plan's unit. */
  readonly cost: number;
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

/** A replica and the partition that it is published to. */
export type PlacedReplica = QueuedReplica & { readonly partition: number };

/** A published or running replica. */
export type OutstandingReplica = QueuedReplica & {
  readonly grantee: string;
  readonly state: "QUEUED" | "RUNNING";
  readonly worker: Address | undefined;
  readonly partition: number | undefined;
  readonly queuedAt: number;
  /** How often it was published since somebody last answered. */
  readonly unanswered: number;
  readonly suspect: boolean;
};

/** A replica whose lease ran out: its worker is lost. */
export type LostLease = Lease & { readonly fence: bigint };

/** A replica that runs, and how fast its like were. Times are Unix seconds. */
export type RunningReplica = {
  readonly jobId: JobId;
  readonly taskId: Digest;
  readonly replica: number;
  readonly begunAt: number;
  readonly cost: number;
  /** Median of seconds per cost over the finished replicas of its job and stage. */
  readonly medianPace: number | undefined;
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
  /** One more slot, the next number, for a worker that has none of the task's yet. */
  addSlot(tx: Tx, jobId: JobId, taskId: Digest, racesStraggler: boolean): Promise<void>;
  /** Since when the task's replicas disagree. */
  markTied(tx: Tx, jobId: JobId, taskId: Digest, at: number): Promise<void>;
  /** Leases the replica to the worker under a new fence. */
  lease(tx: Tx, key: ReplicaKey, worker: Address, at: number, leaseUntil: number): Promise<bigint>;
  byFence(tx: Tx, fence: bigint): Promise<Lease | undefined>;
  extend(tx: Tx, fence: bigint, leaseUntil: number): Promise<void>;
  complete(tx: Tx, fence: bigint, completion: Completion, at: number): Promise<void>;
  /** Back to WAITING, not to be published before `readyAt`; its fence is void. */
  release(tx: Tx, key: ReplicaKey, readyAt: number): Promise<void>;
  /** A QUEUED replica whose message was used up without running it goes back to WAITING. */
  bounce(tx: Tx, key: ReplicaKey, readyAt: number): Promise<void>;
  /** Of a job whose workers were told to stop: what is published, and leases that are over by now, wait anew. */
  requeue(tx: Tx, jobId: JobId, now: number): Promise<void>;
  /** Stores the agreed output; slots that are not done go, and their holders' fences with them. */
  settle(tx: Tx, jobId: JobId, taskId: Digest, output: StoredObject): Promise<void>;
  addFailure(
    tx: Tx,
    lease: Lease,
    fence: bigint,
    failure: { code: string; retryable: boolean; at: number },
  ): Promise<void>;
  failures(tx: Tx, jobId: JobId, taskId: Digest): Promise<TaskFailure[]>;
  /** Whose turn it was. The caller is alone with the queue until its transaction ends. */
  lockQueue(tx: Tx): Promise<string | undefined>;
  outstanding(tx: Tx): Promise<OutstandingReplica[]>;
  /** What may be published, each grantee's first `perGrantee`. */
  waiting(tx: Tx, now: number, perGrantee: number): Promise<WaitingReplica<QueuedReplica>[]>;
  /** Workers that have, had or failed a replica of the tasks; by `<job>/<task>`. */
  barred(tx: Tx, keys: readonly ReplicaKey[]): Promise<Map<string, Set<string>>>;
  /** Marks what still waits as published; answers those that it marked. */
  markQueued(
    tx: Tx,
    placed: readonly PlacedReplica[],
    now: number,
    lastServed: string | undefined,
  ): Promise<PlacedReplica[]>;
  /** Jobs with leases that are over, or with messages that nobody answered. */
  neglected(now: number, republishSeconds: number, limit: number): Promise<JobId[]>;
  /** The locked job's running replicas whose lease is over. */
  lostLeases(tx: Tx, jobId: JobId, now: number): Promise<LostLease[]>;
  /** Ends those of a locked job that wants no work any more, without blame: its workers were told, and let go. */
  endLeases(tx: Tx, jobId: JobId, now: number): Promise<void>;
  /**
   * Published replicas that nobody began within `republishSeconds` wait anew; twice as long after each time without an
   * answer: a long queue is no reason to make it longer. @returns how many
   */
  requeueUnanswered(tx: Tx, jobId: JobId, now: number, republishSeconds: number): Promise<number>;
  /** Leases that end before `until` end then: while no orchestrator was there, no heartbeat could be heard. */
  extendAll(tx: Tx, until: number): Promise<number>;
  /** Notes that the sweeper was at work; answers when it last was. */
  swept(tx: Tx, at: number): Promise<number>;
  /** What runs, on a live lease, since `before` or longer and is raced by nobody, oldest first. */
  running(before: number, now: number): Promise<RunningReplica[]>;
  /** A job's running replicas, and its open slots that race one of them. */
  races(tx: Tx, jobId: JobId): Promise<{ running: number; racing: number }>;
  /** Jobs under way, not paused, none of whose replicas waits or runs, and whose result is not settled. */
  stalled(limit: number): Promise<JobId[]>;
  /** Tasks whose replicas disagree since `before`, and for which nobody runs another. */
  stuckTies(before: number): Promise<{ jobId: JobId; taskId: Digest }[]>;
  progress(jobIds: readonly JobId[]): Promise<Map<JobId, JobProgress>>;
}

export type JobProgress = {
  /** Task replicas. */
  readonly tasksTotal: number;
  readonly tasksDone: number;
  readonly bytesRead: number;
  readonly computeSeconds: number;
};

/** A worker of a region. */
export type KnownWorker = { readonly worker: Address; readonly region: string; readonly capacity: number };

/** Workers that were heard of, and which partitions they were seen to serve. */
export interface WorkerRecords {
  /** `capacity`: tasks at once; `undefined` leaves what is known. */
  seen(
    tx: Tx,
    worker: Address,
    regions: readonly string[],
    at: number,
    capacity?: number | undefined,
  ): Promise<void>;
  /** A worker that takes no further task is not counted on any more. */
  left(tx: Tx, worker: Address): Promise<void>;
  /** Workers of a region heard of since `since`. */
  known(tx: Tx, region: string, since: number): Promise<Address[]>;
  /** Workers of all regions heard of since `since`. */
  fleet(tx: Tx, since: number): Promise<KnownWorker[]>;
  serves(tx: Tx, region: string, partition: number, worker: Address, at: number): Promise<void>;
  owners(tx: Tx): Promise<{ region: string; partition: number; worker: Address }[]>;
}

/** Digests that workers were given a place for: what the sweeper looks through. */
export interface UploadRecords {
  add(tx: Tx, digest: Digest, at: number): Promise<void>;
  /** Uploads older than `before` that neither a job under way nor a result names. */
  unreferenced(before: number, limit: number): Promise<Digest[]>;
  forget(digest: Digest): Promise<void>;
  /** Keeps an upload that is known from being swept for now; one that is not known stays somebody else's. */
  touch(tx: Tx, digest: Digest, at: number): Promise<void>;
}

/** Outgoing messages, through the outbox of the transaction. */
export interface Announcer {
  tasksQueued(tx: Tx, replicas: readonly PlacedReplica[]): Promise<void>;
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
