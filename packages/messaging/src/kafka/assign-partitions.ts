/** What a member of a group tells the others when it joins. */
export type MemberClaim = {
  readonly id: string;
  /** The group's generation that gave it what it has: one that was away may claim what others have got since. */
  readonly generation: number;
  /** Partitions that it has. */
  readonly owned: readonly number[];
  /** Those of them with a running handler. */
  readonly busy: readonly number[];
  /** It finishes what runs and wants nothing else. */
  readonly leaving: boolean;
};

/**
 * Deals partitions so that nobody's running handler is disturbed and the shares differ by at most one, as far as running
 * handlers allow it; partitions that need not move stay. A function of the claims alone, in whatever order they come.
 * @returns partitions by member, ascending
 */
export function assignPartitions(
  claims: readonly MemberClaim[],
  partitions: readonly number[],
): Map<string, number[]> {
  const members = withoutStale([...claims].sort((a, b) => (a.id < b.id ? -1 : 1)));
  const shares = new Map(members.map(({ id }) => [id, [] as number[]]));
  const staying = members.filter(({ leaving }) => !leaving);
  const takers = (staying.length > 0 ? staying : members).map(({ id }) => id);
  const free = new Set(partitions);
  const give = (partition: number, id: string): void => {
    if (free.delete(partition)) shares.get(id)!.push(partition);
  };

  for (const { id, busy } of members) for (const partition of busy) give(partition, id);
  const pinned = new Set(partitions.filter((one) => !free.has(one)));
  for (const { id, owned } of members) {
    if (takers.includes(id)) for (const partition of owned) give(partition, id);
  }
  for (const partition of [...free].sort((a, b) => a - b)) give(partition, least(takers, shares));
  level(takers, shares, pinned);
  for (const share of shares.values()) share.sort((a, b) => a - b);
  return shares;
}

/** Leaves each partition to whoever was given it last. */
function withoutStale(members: readonly MemberClaim[]): MemberClaim[] {
  const holders = new Map<number, MemberClaim>();
  for (const member of members) {
    for (const partition of member.owned) {
      const other = holders.get(partition);
      if (!other || member.generation > other.generation) holders.set(partition, member);
    }
  }
  return members.map((member) => {
    const holds = (partition: number): boolean => holders.get(partition) === member;
    return { ...member, owned: member.owned.filter(holds), busy: member.busy.filter(holds) };
  });
}

/** Moves idle partitions from whoever has most to whoever has least. */
function level(takers: readonly string[], shares: Map<string, number[]>, pinned: ReadonlySet<number>): void {
  for (;;) {
    const poorest = least(takers, shares);
    const richest = takers
      .filter((id) => shares.get(id)!.some((one) => !pinned.has(one)))
      .sort((a, b) => shares.get(b)!.length - shares.get(a)!.length)[0];
    if (richest === undefined) return;
    const from = shares.get(richest)!;
    const to = shares.get(poorest)!;
    if (from.length - to.length <= 1) return;
    const moved = from.findLastIndex((one) => !pinned.has(one));
    to.push(...from.splice(moved, 1));
  }
}

const least = (takers: readonly string[], shares: ReadonlyMap<string, readonly number[]>): string =>
  takers.reduce((best, id) => (shares.get(id)!.length < shares.get(best)!.length ? id : best));
