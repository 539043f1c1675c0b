import { between, pick } from "./random.ts";

/** One thing that goes wrong, at a time and for a while. */
export type Fault =
  | { readonly kind: "kill"; readonly process: string; readonly downMs: number }
  /** A long pause of the machine: its leases run out, then it goes on as if nothing had been. */
  | { readonly kind: "pause"; readonly process: string; readonly forMs: number }
  | { readonly kind: "restart"; readonly process: string }
  | { readonly kind: "outage"; readonly part: PartName; readonly downMs: number }
  | { readonly kind: "cut"; readonly part: PartName }
  | { readonly kind: "slow"; readonly part: PartName; readonly ms: number; readonly forMs: number }
  | { readonly kind: "lossy-calls"; readonly forMs: number }
  | { readonly kind: "lossy-chain"; readonly forMs: number }
  | { readonly kind: "reorg"; readonly depth: number };

export const partNames = ["broker", "database", "cache", "store"] as const;
export type PartName = (typeof partNames)[number];

export type TimedFault = Fault & { readonly afterMs: number };

/**
 * The faults of a run, in order, from its seed alone: the same seed deals out the same faults at the same distances.
 * Every kind of fault, every process and every part has its turn before chance takes over.
 *
 * @param depth deepest reorganisation, in blocks: the depth at which the mirror calls a log confirmed
 */
export function* faultSchedule(options: {
  readonly random: () => number;
  readonly services: readonly string[];
  readonly workers: readonly string[];
  readonly depth: number;
  readonly everyMs: number;
}): Generator<TimedFault> {
  const { random, services, workers, depth, everyMs } = options;
  const processes = [...services, ...workers];
  const kill = (process: string): Fault => ({ kind: "kill", process, downMs: between(random, 0, 4_000) });
  const outage = (part: PartName): Fault => ({ kind: "outage", part, downMs: between(random, 1_000, 6_000) });
  const makers: (() => Fault)[] = [
    () => kill(pick(random, services)),
    () => kill(pick(random, workers)),
    () => kill(pick(random, workers)),
    () => ({ kind: "pause", process: pick(random, workers), forMs: between(random, 8_000, 14_000) }),
    () => ({ kind: "pause", process: pick(random, services), forMs: between(random, 1_000, 6_000) }),
    () => ({ kind: "restart", process: pick(random, processes) }),
    () => outage(pick(random, partNames)),
    () => ({ kind: "cut", part: pick(random, partNames) }),
    () => ({
      kind: "slow",
      part: pick(random, partNames),
      ms: between(random, 20, 300),
      forMs: between(random, 2_000, 8_000),
    }),
    () => ({ kind: "lossy-calls", forMs: between(random, 3_000, 10_000) }),
    () => ({ kind: "lossy-chain", forMs: between(random, 3_000, 10_000) }),
    () => ({ kind: "reorg", depth: 1 + Math.floor(random() * depth) }),
  ];
  const first = shuffled(random, [
    ...processes.map(kill),
    ...partNames.map(outage),
    ...makers.map((make) => make()),
    { kind: "reorg", depth } as const,
  ]);
  const timed = (fault: Fault): TimedFault => ({ ...fault, afterMs: between(random, 0.5, 1.5) * everyMs });
  for (const fault of first) yield timed(fault);
  for (;;) yield timed(pick(random, makers)());
}

function shuffled<T>(random: () => number, items: readonly T[]): T[] {
  const left = [...items];
  for (let i = left.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [left[i], left[j]] = [left[j] as T, left[i] as T];
  }
  return left;
}
