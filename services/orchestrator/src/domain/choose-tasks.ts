/** A task replica that waits to be published, in the order of its grantee's queue. */
export type WaitingReplica<K> = { readonly key: K; readonly grantee: string };

/**
 * Chooses the replicas to publish next: one grantee after the other, each up to its bound of outstanding replicas.
 *
 * The turn starts behind the grantee served last, so that a grantee with a thousand tasks delays another's single
 * task by at most one turn, and nobody is served twice while somebody else's turn is skipped.
 *
 * @param waiting     replicas in the order in which each grantee's own should go
 * @param outstanding published and unfinished replicas by grantee
 * @param maxOutstanding bound per grantee; at least 1
 * @param lastServed  grantee served last, or `undefined`
 * @returns keys in publishing order, and the grantee served last
 */
export function chooseTasks<K>(input: {
  waiting: readonly WaitingReplica<K>[];
  outstanding: ReadonlyMap<string, number>;
  maxOutstanding: number;
  lastServed: string | undefined;
}): { chosen: K[]; lastServed: string | undefined } {
  const queues = new Map<string, K[]>();
  for (const { key, grantee } of input.waiting) {
    const queue = queues.get(grantee);
    if (queue) queue.push(key);
    else queues.set(grantee, [key]);
  }
  const room = new Map(
    [...queues.keys()].map((grantee) => [
      grantee,
      input.maxOutstanding - (input.outstanding.get(grantee) ?? 0),
    ]),
  );
  const turn = rotate([...queues.keys()].sort(), input.lastServed);
  const chosen: K[] = [];
  let lastServed = input.lastServed;
  for (let served = true; served; ) {
    served = false;
    for (const grantee of turn) {
      const free = room.get(grantee) ?? 0;
      const key = free > 0 ? queues.get(grantee)?.shift() : undefined;
      if (key === undefined) continue;
      chosen.push(key);
      room.set(grantee, free - 1);
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
