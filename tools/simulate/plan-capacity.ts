import { fullLoad } from "./reference.ts";
import { type Outcome, percentile, type Scenario } from "./scenario.ts";
import { simulate } from "./simulate.ts";

/** Of jobs so many per cent must be on chain within the objective. */
export const objectiveShare = 0.95;

const meets = ({ latencies }: Outcome, objectiveSeconds: number): boolean =>
  latencies.length > 0 && percentile(latencies, objectiveShare) <= objectiveSeconds;

/** A load and what it gives. `share`: of the load that keeps every thread busy. */
export interface Load {
  readonly share: number;
  readonly jobsPerSecond: number;
  readonly outcome: Outcome;
}

/** Shares of the full load that are tried. */
const shares = [0.3, 0.4, 0.5, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98];

const at = (scenario: Scenario, workers: number, share: number): Load => {
  const jobsPerSecond = share * fullLoad(scenario, workers * scenario.threads);
  return { share, jobsPerSecond, outcome: simulate({ ...scenario, jobsPerSecond }) };
};

/** The heaviest of some loads under which a fixed fleet keeps the objective; undefined: none of them. */
export function heaviestLoad(
  scenario: Scenario,
  workers: number,
  objectiveSeconds: number,
): Load | undefined {
  const fixed: Scenario = { ...scenario, scaling: { kind: "fixed", workers } };
  let best: Load | undefined;
  for (let [low, high] = [0, shares.length - 1]; low <= high; ) {
    const middle = (low + high) >> 1;
    const load = at(fixed, workers, shares[middle]!);
    if (meets(load.outcome, objectiveSeconds)) {
      best = load;
      low = middle + 1;
    } else high = middle - 1;
  }
  return best;
}

/** The fewest partitions, of some multiples of the threads, with which a fixed fleet carries a load in time. */
export function fewestPartitions(
  scenario: Scenario,
  workers: number,
  load: Load,
  objectiveSeconds: number,
): number {
  const threads = workers * scenario.threads;
  for (const multiple of [0.5, 0.75, 0.9, 1]) {
    const partitions = Math.ceil(multiple * threads);
    if (partitions < load.share * threads) continue;
    const outcome = simulate({
      ...scenario,
      jobsPerSecond: load.jobsPerSecond,
      partitions,
      scaling: { kind: "fixed", workers },
    });
    if (meets(outcome, objectiveSeconds)) return partitions;
  }
  return threads;
}

/** What a lag threshold gives in a region that wakes from zero under a load. */
export interface ScaledRun {
  readonly lagThreshold: number;
  readonly outcome: Outcome;
  readonly isKept: boolean;
}

/** The region asleep, and from then on so many jobs a second, for each of some lag thresholds. */
export function tryThresholds(
  scenario: Scenario,
  workers: number,
  jobsPerSecond: number,
  objectiveSeconds: number,
  thresholds: readonly number[],
  startSeconds: number,
): ScaledRun[] {
  return thresholds.map((lagThreshold) => {
    const outcome = simulate({
      ...scenario,
      jobsPerSecond,
      warmUpSeconds: 0,
      scaling: {
        kind: "keda",
        maxWorkers: workers,
        lagThreshold: lagThreshold * scenario.threads,
        activationLag: 0,
        pollingSeconds: 15,
        cooldownSeconds: 300,
        stabilisationSeconds: 300,
        startSeconds,
      },
    });
    return { lagThreshold, outcome, isKept: meets(outcome, objectiveSeconds) };
  });
}

/** What other parts must deliver for a load. Rates per second. */
export interface Needs {
  readonly storeBytes: number;
  readonly storeRequests: number;
  readonly taskMessages: number;
  readonly orchestratorCalls: number;
  readonly heartbeats: number;
  readonly gas: number;
}

/** Bytes of one block of ciphertext, as `cos dataset encrypt` writes them, about. */
const blockBytes = 8e6;
/** Gas of one job: issue, post, accept, release. @source contracts/.gas-snapshot */
const gasPerJob = 640_374 + 143_692 + 87_272 + 81_182;

/** @param announceSeconds workers say that they are there; @param heartbeatSeconds and what runs, that it does */
export function needsOf({ jobsPerSecond, outcome }: Load, announceSeconds = 15, heartbeatSeconds = 1): Needs {
  const { readBytesPerSecond, tasksPerSecond, meanRunning, meanWorkers } = outcome;
  return {
    storeBytes: readBytesPerSecond,
    storeRequests: readBytesPerSecond / blockBytes + 2 * tasksPerSecond,
    taskMessages: tasksPerSecond,
    orchestratorCalls: 2 * tasksPerSecond + meanWorkers / announceSeconds,
    heartbeats: meanRunning / heartbeatSeconds,
    gas: gasPerJob * jobsPerSecond,
  };
}
