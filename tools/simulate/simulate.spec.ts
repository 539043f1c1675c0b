import { describe, expect, it } from "vitest";
import { Scaler } from "./scaler.ts";
import { mean, percentile, type Scenario } from "./scenario.ts";
import { simulate } from "./simulate.ts";

/** Nothing but a queue: one task a job, no block, no bound. */
const plain: Scenario = {
  seed: 1,
  jobsPerSecond: 0.5,
  grantees: 1,
  tasks: 1,
  reduceTasks: 0,
  replicas: 1,
  taskSeconds: 1,
  reduceSeconds: 0,
  spread: "exponential",
  handoverSeconds: 0,
  planSeconds: 0,
  postSeconds: 0,
  blockSeconds: 0,
  confirmations: 0,
  scaling: { kind: "fixed", workers: 1 },
  threads: 1,
  cores: Infinity,
  partitions: Infinity,
  queuePerSlot: Infinity,
  minQueueDepth: Infinity,
  maxOutstandingPerGrantee: Infinity,
  dispatchPerSecond: Infinity,
  readBytesPerSecond: 0,
  storeBytesPerSecond: Infinity,
  warmUpSeconds: 1_000,
  untilSeconds: 400_000,
  patienceSeconds: 10_000,
};

const workers = (count: number) => ({ kind: "fixed", workers: count }) as const;

describe("closed forms", () => {
  it("M/M/1 at half load: a mean of 1 / (1 - 0.5) = 2 s in the system, p90 = 2 ln 10 = 4.605 s", () => {
    const { latencies, meanRunning } = simulate(plain);
    expect(mean(latencies)).toBeCloseTo(2, 1);
    expect(percentile(latencies, 0.9) / 4.605).toBeCloseTo(1, 1);
    expect(meanRunning).toBeCloseTo(0.5, 1);
  });

  it("M/M/2 with 1.5 Erlang: Erlang C 9/14, so 9/14 / (2 - 1.5) = 1.2857 s of waiting, 2.2857 s in the system", () => {
    // B(1) = 1.5 / 2.5 = 0.6; B(2) = 1.5 * 0.6 / (2 + 1.5 * 0.6) = 9/29; C = B / (1 - 0.75 (1 - B)) = 9/14.
    const { latencies } = simulate({ ...plain, jobsPerSecond: 1.5, scaling: workers(2) });
    expect(mean(latencies) / 2.2857).toBeCloseTo(1, 1);
  });

  it("M/M/10 with 8 Erlang: Erlang C 0.4092, 0.4092 / 2 = 0.2046 s of waiting", () => {
    // B(n) = 8 B(n-1) / (n + 8 B(n-1)) from B(0) = 1 gives B(10) = 0.12166; C = B / (1 - 0.8 (1 - B)) = 0.4092.
    const { latencies } = simulate({
      ...plain,
      jobsPerSecond: 8,
      scaling: workers(10),
      untilSeconds: 60_000,
    });
    expect(mean(latencies) - 1).toBeCloseTo(0.2046, 1);
  });

  it("M/D/1 at 0.8: 0.8 / (2 * 0.2) = 2 s of waiting (Pollaczek-Khinchine), half of M/M/1's", () => {
    const { latencies } = simulate({ ...plain, spread: "fixed", jobsPerSecond: 0.8 });
    expect(mean(latencies) / 3).toBeCloseTo(1, 1);
  });

  it("M/G/1 with cv 2 at 0.5: 0.5 (1 + 4) / (2 * 0.5) = 2.5 s of waiting", () => {
    const { latencies } = simulate({ ...plain, spread: { cv: 2 }, untilSeconds: 2_000_000 });
    expect(mean(latencies) / 3.5).toBeCloseTo(1, 1);
  });

  it("never ends what comes faster than it can be done", () => {
    const { latencies } = simulate({
      ...plain,
      jobsPerSecond: 1.1,
      untilSeconds: 20_000,
      patienceSeconds: 100,
    });
    expect(percentile(latencies, 0.99)).toBe(Infinity);
  });
});

/** One job alone, by hand: 10 tasks of 2 s. */
const alone: Scenario = {
  ...plain,
  spread: "fixed",
  jobsAtOnce: 1,
  tasks: 10,
  taskSeconds: 2,
  warmUpSeconds: 0,
  untilSeconds: 1_000,
};
const seconds = (change: Partial<Scenario>): number => simulate({ ...alone, ...change }).makespanSeconds;

describe("a job by hand", () => {
  it("is as long as its rounds", () => {
    expect(seconds({ scaling: workers(2) })).toBe(10);
    expect(seconds({ scaling: workers(4) })).toBe(6); // 4 + 4 + 2
    expect(seconds({ scaling: workers(100) })).toBe(2);
  });

  it("computes everything once for each replica, and reduces after that", () => {
    expect(seconds({ scaling: workers(2), replicas: 2 })).toBe(20);
    expect(seconds({ scaling: workers(2), reduceTasks: 1, reduceSeconds: 3 })).toBe(13);
    expect(seconds({ scaling: workers(2), reduceTasks: 1, reduceSeconds: 3, replicas: 2 })).toBe(23);
  });

  it("has no more in hand than partitions, threads, and what its grantee may have out", () => {
    expect(seconds({ scaling: workers(10), partitions: 2 })).toBe(10);
    expect(seconds({ scaling: workers(1), threads: 5 })).toBe(4);
    expect(seconds({ scaling: workers(10), maxOutstandingPerGrantee: 5 })).toBe(4);
  });

  it("waits for handing over, plan, post and block", () => {
    expect(seconds({ scaling: workers(10), handoverSeconds: 0.5, planSeconds: 1, postSeconds: 0.25 })).toBe(
      3.75,
    );
    expect(seconds({ scaling: workers(10), planSeconds: 1, blockSeconds: 12 })).toBe(12);
    expect(seconds({ scaling: workers(10), planSeconds: 1, blockSeconds: 12, confirmations: 2 })).toBe(36);
  });

  it("slows down by shared processors, the store and the dispatcher", () => {
    // Tasks that begin together see 1, 2, … 10 at work: the last is slowed by 10 / 5 = 2.
    expect(seconds({ scaling: workers(10), cores: 5 })).toBe(4);
    expect(seconds({ scaling: workers(10), readBytesPerSecond: 100, storeBytesPerSecond: 250 })).toBe(8);
    expect(seconds({ scaling: workers(10), dispatchPerSecond: 2 })).toBe(7); // the tenth at 5 s
  });

  it("lets a late grantee in after what is published, not after what waits", () => {
    // Four of the first are out when the second comes; then they take turns: the first's tenth is the 15th of all.
    const two = simulate({
      ...alone,
      seed: 3,
      grantees: 2,
      jobsAtOnce: 2,
      queuePerSlot: 4,
      minQueueDepth: 1,
    });
    const [first = 0, second = 0] = two.latencies;
    expect(second).toBe(40);
    expect(first).toBe(30);
  });
});

const keda = {
  kind: "keda",
  maxWorkers: 100,
  lagThreshold: 2,
  activationLag: 0,
  pollingSeconds: 15,
  cooldownSeconds: 300,
  stabilisationSeconds: 300,
  startSeconds: 0,
} as const;

describe("the scaler", () => {
  it("wakes with one, grows by 4 or to the double, to what the lag asks for", () => {
    const scaler = new Scaler(keda, 100);
    expect(scaler.decide(0, 50, 0)).toBe(1);
    expect(scaler.decide(15, 50, 1)).toBe(5);
    expect(scaler.decide(30, 50, 5)).toBe(10);
    expect(scaler.decide(45, 50, 10)).toBe(20);
    expect(scaler.decide(60, 50, 20)).toBe(25);
  });

  it("stays within a tenth of its target, and goes up by a little more", () => {
    const scaler = new Scaler(keda, 100);
    expect(scaler.decide(0, 43, 20)).toBe(20);
    expect(scaler.decide(15, 45, 20)).toBe(23);
  });

  it("never has more than partitions or its maximum", () => {
    expect(new Scaler(keda, 8).decide(0, 1_000, 7)).toBe(8);
    expect(new Scaler({ ...keda, maxWorkers: 6 }, 8).decide(0, 1_000, 5)).toBe(6);
  });

  it("goes down only when fewer were enough for the whole window, and to zero after the cooldown", () => {
    const scaler = new Scaler(keda, 100);
    expect(scaler.decide(0, 40, 20)).toBe(20);
    expect(scaler.decide(15, 4, 20)).toBe(20);
    expect(scaler.decide(299, 4, 20)).toBe(20);
    expect(scaler.decide(301, 4, 20)).toBe(2);
    expect(scaler.decide(310, 0, 2)).toBe(2);
    expect(scaler.decide(600, 0, 2)).toBe(2);
    expect(scaler.decide(602, 0, 2)).toBe(0);
  });
});

describe("a region that scales", () => {
  const region: Scenario = {
    ...alone,
    jobsAtOnce: 20,
    tasks: 50,
    taskSeconds: 10,
    queuePerSlot: 4,
    minQueueDepth: 16,
    scaling: { ...keda, startSeconds: 30 },
    untilSeconds: 3_000,
  };

  it("grows by what it is shown: at the queue's depth of 4 for each worker, a threshold of 2 doubles it", () => {
    const outcome = simulate(region);
    expect(outcome.mostWorkers).toBeGreaterThan(60);
    expect(outcome.mostLag).toBeLessThanOrEqual(400);
  });

  it("never grows beyond the first few where the threshold is what the queue shows for each worker", () => {
    const outcome = simulate({ ...region, scaling: { ...keda, lagThreshold: 4, startSeconds: 30 } });
    expect(outcome.mostWorkers).toBeLessThanOrEqual(5);
  });

  it("gives the same outcome again for a seed, and another for another", () => {
    const again = (seed: number) => [...simulate({ ...region, seed, spread: { cv: 0.5 } }).latencies];
    expect(again(5)).toEqual(again(5));
    expect(again(5)).not.toEqual(again(6));
  });
});
