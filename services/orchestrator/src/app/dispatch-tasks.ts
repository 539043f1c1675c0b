import { chooseTasks, queueDepth } from "../domain/choose-tasks.ts";
import { chooseMoves, type Fleet, placeReplicas } from "../domain/place-replicas.ts";
import type {
  Announcer,
  Clock,
  InTransaction,
  KnownWorker,
  OutstandingReplica,
  PlacedReplica,
  QueuedReplica,
  ReplicaKey,
  TaskRecords,
  Tx,
  WorkerRecords,
} from "./ports.ts";

export type DispatchDeps = {
  readonly tasks: TaskRecords;
  readonly workers: WorkerRecords;
  readonly announcer: Announcer;
  readonly inTransaction: InTransaction;
  readonly now: Clock;
  readonly maxOutstandingPerGrantee: number;
  /** Published replicas for each task that the region's workers compute at once, and the least that a region has. */
  readonly queuePerSlot: number;
  readonly minQueueDepth: number;
  /** A published replica that nobody began is moved to an idle worker after so long; twice as long each time. */
  readonly moveSeconds: number;
  readonly workerForgottenSeconds: number;
  /** Partitions of a region's topic. */
  readonly partitions: number;
  /** Partition to look at first for a replica: equal replicas and tries spread over neighbours. */
  readonly startOf: (replica: QueuedReplica) => number;
};

/**
 * Publishes what fairness lets out now, to the partitions of workers that may run it, and publishes anew what waits
 * behind others while somebody is idle. Dispatchers of several processes take turns: the queue's lock is a row.
 * @returns how many messages
 */
export async function dispatchTasks(deps: DispatchDeps): Promise<number> {
  return deps.inTransaction(async (tx) => {
    const { tasks, now } = deps;
    const lastServed = await tasks.lockQueue(tx);
    const known = await deps.workers.fleet(tx, now() - deps.workerForgottenSeconds);
    const owners = await deps.workers.owners(tx);
    const atWork = await tasks.outstanding(tx);
    const moved = await moveToIdle(deps, tx, { known, owners }, atWork);
    const outstanding = atWork.filter((replica) => !moved.has(keyOf(replica)));

    const waiting = await tasks.waiting(tx, now(), deps.maxOutstandingPerGrantee);
    if (waiting.length === 0) return 0;
    const { chosen, lastServed: served } = chooseTasks({
      waiting,
      outstanding: countBy(outstanding, (replica) => replica.grantee),
      maxOutstanding: deps.maxOutstandingPerGrantee,
      regionRoom: roomOf(deps, known, outstanding),
      suspectsOut: new Set(outstanding.filter(({ suspect }) => suspect).map(({ region }) => region)),
      lastServed,
    });
    if (chosen.length === 0) return 0;
    const placed = await place(deps, tx, { known, owners }, { outstanding, moved }, chosen);
    const marked = await tasks.markQueued(tx, placed, now(), served);
    await deps.announcer.tasksQueued(tx, marked);
    return marked.length;
  });
}

type Learned = {
  readonly known: readonly KnownWorker[];
  readonly owners: readonly { region: string; partition: number; worker: string }[];
};

function roomOf(
  deps: DispatchDeps,
  known: readonly KnownWorker[],
  outstanding: readonly OutstandingReplica[],
): (region: string) => number {
  const depth = countBy(outstanding, (replica) => replica.region);
  const capacity = countBy(
    known,
    (worker) => worker.region,
    (worker) => worker.capacity,
  );
  return (region) =>
    queueDepth(capacity.get(region) ?? 0, deps.queuePerSlot, deps.minQueueDepth) - (depth.get(region) ?? 0);
}

/**
 * Takes replicas back whose message waits behind others while another worker is idle.
 * @returns by replica, the partition in which it waited
 */
async function moveToIdle(
  deps: DispatchDeps,
  tx: Tx,
  learned: Learned,
  atWork: readonly OutstandingReplica[],
): Promise<ReadonlyMap<string, number>> {
  const now = deps.now();
  const moved = new Map<string, number>();
  const stuck = atWork.filter(({ state, partition, queuedAt, unanswered }) => {
    const patience = deps.moveSeconds * 2 ** Math.min(5, Math.max(0, unanswered - 1));
    return state === "QUEUED" && partition !== undefined && queuedAt + patience <= now;
  });
  if (stuck.length === 0) return moved;
  const barred = await deps.tasks.barred(tx, stuck);
  for (const region of new Set(stuck.map((replica) => replica.region))) {
    const fleet = fleetOf(deps, region, learned, atWork);
    const here = stuck.filter((replica) => replica.region === region);
    const moves = chooseMoves(
      fleet,
      here.map((key) => ({ key, partition: key.partition ?? 0, barred: barredFrom(barred, key) })),
    );
    for (const replica of moves) {
      await deps.tasks.bounce(tx, replica, now);
      moved.set(keyOf(replica), replica.partition ?? 0);
    }
  }
  return moved;
}

async function place(
  deps: DispatchDeps,
  tx: Tx,
  learned: Learned,
  { outstanding, moved }: { outstanding: readonly OutstandingReplica[]; moved: ReadonlyMap<string, number> },
  chosen: readonly QueuedReplica[],
): Promise<PlacedReplica[]> {
  const barred = await deps.tasks.barred(tx, chosen);
  const placed: PlacedReplica[] = [];
  for (const region of new Set(chosen.map((replica) => replica.region))) {
    const here = chosen.filter((replica) => replica.region === region);
    const fleet = fleetOf(deps, region, learned, outstanding);
    const waitingElsewhere = siblingOwners(fleet, outstanding);
    const notFor = (replica: QueuedReplica): ReadonlySet<string> => {
      const left = fleet.owners.get(moved.get(keyOf(replica)) ?? -1); // where it waited in vain
      const siblings = waitingElsewhere.get(taskOf(replica)) ?? [];
      return new Set([...barredFrom(barred, replica), ...siblings, ...(left === undefined ? [] : [left])]);
    };
    const partitions = placeReplicas(
      fleet,
      here.map((replica) => ({
        task: taskOf(replica),
        start: deps.startOf(replica),
        barred: notFor(replica),
      })),
    );
    here.forEach((replica, at) => {
      placed.push({ ...replica, partition: partitions[at] as number });
    });
  }
  return placed;
}

/** Workers to whose partitions other replicas of a task are published already. */
function siblingOwners(
  fleet: Fleet,
  outstanding: readonly OutstandingReplica[],
): ReadonlyMap<string, readonly string[]> {
  const owners = new Map<string, string[]>();
  for (const replica of outstanding) {
    const owner = replica.partition === undefined ? undefined : fleet.owners.get(replica.partition);
    if (replica.state !== "QUEUED" || owner === undefined) continue;
    owners.set(taskOf(replica), [...(owners.get(taskOf(replica)) ?? []), owner]);
  }
  return owners;
}

/** One region's workers with what they run and what waits for them; a worker of two regions is busy in both. */
function fleetOf(
  deps: DispatchDeps,
  region: string,
  { known, owners }: Learned,
  outstanding: readonly OutstandingReplica[],
): Fleet {
  const ownerOf = new Map(owners.map((one) => [`${one.region}/${one.partition}`, one.worker]));
  const busyWith = ({ state, worker, region, partition }: OutstandingReplica) =>
    state === "RUNNING" ? (worker ?? "") : (ownerOf.get(`${region}/${partition}`) ?? "");
  const load = countBy(outstanding, busyWith);
  const workers = known.filter((worker) => worker.region === region);
  const present = new Set(workers.map(({ worker }) => worker as string));
  const mine = owners.filter((one) => one.region === region && present.has(one.worker));
  const placed = outstanding.filter((one) => one.region === region && one.partition !== undefined);
  return {
    partitions: deps.partitions,
    workers: new Map(
      workers.map(({ worker, capacity }) => [worker, { capacity, load: load.get(worker) ?? 0 }]),
    ),
    owners: new Map(mine.map(({ partition, worker }) => [partition, worker])),
    depth: countBy(placed, (replica) => replica.partition ?? 0),
  };
}

const taskOf = ({ jobId, taskId }: Pick<ReplicaKey, "jobId" | "taskId">): string => `${jobId}/${taskId}`;

const keyOf = (key: ReplicaKey): string => `${taskOf(key)}/${key.replica}`;

const barredFrom = (barred: ReadonlyMap<string, ReadonlySet<string>>, key: ReplicaKey): ReadonlySet<string> =>
  barred.get(taskOf(key)) ?? new Set();

function countBy<T, K>(
  items: readonly T[],
  keyOf: (item: T) => K,
  weight: (item: T) => number = () => 1,
): Map<K, number> {
  const counts = new Map<K, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + weight(item));
  return counts;
}
