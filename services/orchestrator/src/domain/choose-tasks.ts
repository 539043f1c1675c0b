/** A task replica that waits to be published, in the order of its grantee's queue. */
export type WaitingReplica<K> = {
  readonly key: K;
  readonly grantee: string;
  readonly region: string;
  /** Workers were lost with its task, more than once. */
  readonly suspect: boolean;
};

/**
 * Chooses the replicas to publish next: one grantee after the other, each up to its bound of outstanding replicas, all
 * together up to the depth of their region's queue.
 *
 * The turn starts behind the grantee served last, so that a grantee with a thousand tasks delays another's single
 * task by at most one turn, and nobody is served twice while somebody else's turn is skipped. What is published cannot
 * be overtaken any more: the shallower the queue, the sooner a late grantee's first task runs.
 *
 * A suspect goes out alone in its region: should it take its worker down again, it takes no other suspect with it, and
 * an innocent neighbour of its last victim gets to finish.
 *
 * @param waiting     replicas in the order in which each grantee's own should go
 * @param outstanding published and unfinished replicas by grantee
 * @param maxOutstanding bound per grantee; at least 1
 * @param regionRoom  replicas that each region's queue still takes
 * @param suspectsOut regions in which a suspect is published or running
 * @param lastServed  grantee served last, or `undefined`
 * @returns keys in publishing order, and the grantee served last
 */
export function chooseTasks<K>(input: {
  waiting: readonly WaitingReplica<K>[];
  outstanding: ReadonlyMap<string, number>;
  maxOutstanding: number;
  regionRoom: (region: string) => number;
  suspectsOut: ReadonlySet<string>;
  lastServed: string | undefined;
}): { chosen: K[]; lastServed: string | undefined } {
  const { outstanding, maxOutstanding } = input;
  const queues = new Map<string, WaitingReplica<K>[]>();
  for (const replica of input.waiting) {
    const queue = queues.get(replica.grantee);
    if (queue) queue.push(replica);
    else queues.set(replica.grantee, [replica]);
  }
  const room = new Map(
    [...queues.keys()].map((name) => [name, maxOutstanding - (outstanding.get(name) ?? 0)]),
  );
  const regionRoom = new Map<string, number>();
  const suspectsOut = new Set(input.suspectsOut);

  const take = (grantee: string): K | undefined => {
    const free = room.get(grantee) ?? 0;
    if (free <= 0) return undefined;
    const queue = queues.get(grantee) ?? [];
    // A replica that must wait for its region holds up none behind it that goes elsewhere.
    for (let next = queue.shift(); next; next = queue.shift()) {
      const regionFree = regionRoom.get(next.region) ?? input.regionRoom(next.region);
      if (regionFree <= 0 || (next.suspect && suspectsOut.has(next.region))) continue;
      regionRoom.set(next.region, regionFree - 1);
      if (next.suspect) suspectsOut.add(next.region);
      room.set(grantee, free - 1);
      return next.key;
    }
    return undefined;
  };

  const turn = rotate([...queues.keys()].sort(), input.lastServed);
  const chosen: K[] = [];
  let lastServed = input.lastServed;
  for (let served = true; served; ) {
    served = false;
    for (const grantee of turn) {
      const key = take(grantee);
      if (key === undefined) continue;
      chosen.push(key);
      lastServed = grantee;
      served = true;
    }
  }
  return { chosen, lastServed };
}

/** `sorted`, beginning with the first element behind `after`. */
function rotate(sorted: string[], after: string | undefined): string[] {
  const start = after === undefined ? 0 : sorted.findIndex((grantee) => grantee > after);
  return start <= 0 ? sorted : [...sorted.slice(start), ...sorted.slice(0, start)];
}

/**
 * How many replicas a region's queue holds at most, running ones included: a few for each task that its workers compute
 * at once, so that none waits for the next; never fewer than `minDepth`, so that an empty fleet has a reason to grow.
 */
export const queueDepth = (capacity: number, perSlot: number, minDepth: number): number =>
  Math.max(minDepth, capacity * perSlot);
