/** A worker as the queue sees it. */
export type FleetWorker = { readonly capacity: number; readonly load: number };

/** One region's workers and partitions, as far as the orchestrator has learned whose partition is whose. */
export type Fleet = {
  readonly partitions: number;
  readonly workers: ReadonlyMap<string, FleetWorker>;
  /** Worker that was last seen to be served by a partition; missing: not known. */
  readonly owners: ReadonlyMap<number, string>;
  /** Replicas published to a partition and not finished. */
  readonly depth: ReadonlyMap<number, number>;
};

/** A replica to place. */
export type Placeable = {
  /** Replicas of one task share it. */
  readonly task: string;
  /** Where to look first: spreads what nothing is known about. */
  readonly start: number;
  /** Workers that may not run it, because they did, do, or failed. */
  readonly barred: ReadonlySet<string>;
};

/** A partition of a worker that nobody knows is as good as a worker that is half busy. */
const unknownWait = 0.5;

/**
 * Chooses a partition for each replica: of a worker that may run it, the least busy one, and there the emptiest
 * partition, because a partition's tasks run one after the other and a slow one holds up those behind it.
 *
 * Which partition is whose is only known from who began what came out of it, and changes when workers come and go: a
 * wrong guess costs a hand-back or a move, never a task. What is unknown is tried when the known are busier.
 */
export function placeReplicas(fleet: Fleet, replicas: readonly Placeable[]): number[] {
  const { partitions, workers, owners } = fleet;
  const load = new Map([...workers].map(([worker, { load }]) => [worker, load]));
  const siblings = new Map<string, Set<string>>();
  // Every partition is looked at for every replica: by number, so that a region of thousands is a matter of microseconds.
  const ownerOf = Array.from({ length: partitions }, (_, partition) => owners.get(partition));
  const depth = Array.from({ length: partitions }, (_, partition) => fleet.depth.get(partition) ?? 0);
  const owned = Map.groupBy(owners.keys(), (partition) => owners.get(partition));
  const waitOf = (owner: string | undefined): number => {
    const worker = owner === undefined ? undefined : workers.get(owner);
    return worker === undefined ? unknownWait : (load.get(owner ?? "") ?? 0) / worker.capacity;
  };
  const wait = ownerOf.map(waitOf);
  return replicas.map(({ task, start, barred }) => {
    const taken = siblings.get(task) ?? new Set();
    siblings.set(task, taken);
    const isBarred = (owner: string | undefined): boolean =>
      owner !== undefined && (barred.has(owner) || taken.has(owner));
    let best = start % partitions;
    let bestIsBarred = isBarred(ownerOf[best]);
    for (let distance = 1; distance < partitions; distance++) {
      const partition = (start + distance) % partitions;
      const order = wait[partition]! - wait[best]! || depth[partition]! - depth[best]!;
      // Equally good ones that come later are no better; only among the barred does one that is not barred always win.
      if (order >= 0 && !bestIsBarred) continue;
      const barredHere = isBarred(ownerOf[partition]);
      if (barredHere === bestIsBarred ? order >= 0 : barredHere) continue;
      best = partition;
      bestIsBarred = barredHere;
    }
    depth[best]! += 1;
    const owner = ownerOf[best];
    if (owner !== undefined) {
      taken.add(owner);
      load.set(owner, (load.get(owner) ?? 0) + 1);
      for (const partition of owned.get(owner) ?? []) wait[partition] = waitOf(owner);
    }
    return best;
  });
}

/** A published replica that nobody began. */
export type Stuck<K> = {
  readonly key: K;
  readonly partition: number;
  readonly barred: ReadonlySet<string>;
};

/**
 * Chooses the published replicas to publish elsewhere: those that wait behind others while a worker that may run them
 * has nothing to do. One for each idle place, in the order given.
 */
export function chooseMoves<K>(fleet: Fleet, stuck: readonly Stuck<K>[]): K[] {
  const idle = new Map([...fleet.workers].map(([worker, { capacity, load }]) => [worker, capacity - load]));
  const moves: K[] = [];
  for (const { key, partition, barred } of stuck) {
    const here = fleet.owners.get(partition);
    for (const [worker, places] of idle) {
      if (places <= 0 || worker === here || barred.has(worker)) continue;
      idle.set(worker, places - 1);
      moves.push(key);
      break;
    }
  }
  return moves;
}
