import { EventQueue } from "./event-queue.ts";
import { draw, exponential, type Random, seededRandom } from "./random.ts";
import { Scaler, syncSeconds } from "./scaler.ts";
import type { Outcome, Scenario } from "./scenario.ts";

const [arrive, plan, publish, finish, commit, scale, start] = [0, 1, 2, 3, 4, 5, 6];

/** A job's way: how many replicas of its stage wait to be published and are not done. */
type Job = {
  readonly number: number;
  readonly grantee: number;
  readonly arrivedAt: number;
  isReducing: boolean;
  waiting: number;
  undone: number;
  committedAt: number;
};

type Grantee = { readonly jobs: Job[]; outstanding: number; inTurn: boolean };

/**
 * Runs a region: jobs come, their tasks are let out in turn by grantee up to the queue's depth, workers take them, results
 * wait for their block. Pure: the same scenario gives the same outcome.
 *
 * Left out: failures, workers that differ, that two replicas need two workers, and that a queue's place may be the wrong one.
 * About a million tasks a second of computing time.
 */
export function simulate(scenario: Scenario): Outcome {
  return new Region(scenario).run();
}

class Region {
  readonly #scenario: Scenario;
  readonly #random: Random;
  readonly #events = new EventQueue();
  readonly #scaler: Scaler | undefined;
  readonly #jobs: Job[] = [];
  readonly #grantees: Grantee[];
  /** Grantees that have something to publish, in turn. */
  readonly #turn: number[] = [];
  #turnFrom = 0;
  /** Published and not begun: jobs by number, in order. */
  readonly #queue: number[] = [];
  #queueFrom = 0;
  #queued = 0;
  #running = 0;
  #asked: number;
  #alive: number;
  #leaving = 0;
  #dispatcherFreeAt = 0;
  #firstSeen = new Map<number, number>();
  #mostAlive = 0;
  readonly #sums = { from: 0, running: 0, alive: 0, lag: 0, mostLag: 0, done: 0, bytes: 0, lastCommit: 0 };

  constructor(scenario: Scenario) {
    const { scaling } = scenario;
    this.#scenario = scenario;
    this.#random = seededRandom(scenario.seed);
    this.#scaler = scaling.kind === "keda" ? new Scaler(scaling, scenario.partitions) : undefined;
    this.#asked = this.#alive = scaling.kind === "fixed" ? scaling.workers : 0;
    this.#grantees = Array.from({ length: scenario.grantees }, () => ({
      jobs: [],
      outstanding: 0,
      inTurn: false,
    }));
  }

  run(): Outcome {
    const { jobsAtOnce, jobsPerSecond, untilSeconds, patienceSeconds } = this.#scenario;
    const events = this.#events;
    if (jobsAtOnce === undefined) events.add(exponential(this.#random, 1 / jobsPerSecond), arrive);
    else for (let at = 0; at < jobsAtOnce; at += 1) events.add(0, arrive, 1);
    if (this.#scaler) events.add(this.#random() * syncSeconds, scale);
    let open = jobsAtOnce ?? 0;
    while (events.next()) {
      const { time, kind, subject } = events;
      if (time > untilSeconds + patienceSeconds) break;
      this.#account(time);
      if (kind === arrive) {
        if (jobsAtOnce === undefined) {
          const next = time + exponential(this.#random, 1 / jobsPerSecond);
          if (next <= untilSeconds) events.add(next, arrive);
          open += 1;
        }
        this.#arrive(time);
      } else if (kind === plan) this.#offer(subject, false);
      else if (kind === publish) this.#published(subject);
      else if (kind === finish) this.#finish(time, subject);
      else if (kind === commit) {
        this.#jobs[subject]!.committedAt = time;
        this.#sums.lastCommit = time;
        open -= 1;
      } else if (kind === start) this.#started(time, subject);
      else if (open > 0 || time < untilSeconds) this.#scale(time);
      this.#dispatch(time);
      this.#begin(time);
    }
    return this.#outcome();
  }

  #arrive(time: number): void {
    const { grantees, tasks, replicas, planSeconds } = this.#scenario;
    const all = tasks * replicas;
    const grantee = Math.floor(this.#random() * grantees);
    const number = this.#jobs.length;
    const begun = { isReducing: false, waiting: all, undone: all, committedAt: Infinity };
    this.#jobs.push({ number, grantee, arrivedAt: time, ...begun });
    this.#events.add(time + planSeconds, plan, number);
  }

  /** A job's stage may be published. A reduction goes before the grantee's other jobs. */
  #offer(number: number, isFirst: boolean): void {
    const job = this.#jobs[number]!;
    const grantee = this.#grantees[job.grantee]!;
    if (isFirst) grantee.jobs.unshift(job);
    else grantee.jobs.push(job);
    this.#enterTurn(job.grantee);
  }

  #enterTurn(number: number): void {
    const grantee = this.#grantees[number]!;
    const mayMore = grantee.outstanding < this.#scenario.maxOutstandingPerGrantee;
    if (grantee.inTurn || grantee.jobs.length === 0 || !mayMore) return;
    grantee.inTurn = true;
    this.#turn.push(number);
  }

  /** Lets replicas out, one grantee after the other, while the queue has room. */
  #dispatch(time: number): void {
    const { queuePerSlot, minQueueDepth, threads, dispatchPerSecond, maxOutstandingPerGrantee } =
      this.#scenario;
    const depth = Math.max(minQueueDepth, queuePerSlot * this.#alive * threads);
    while (this.#turnFrom < this.#turn.length && this.#queued + this.#running < depth) {
      const number = this.#turn[this.#turnFrom++]!;
      const grantee = this.#grantees[number]!;
      const job = grantee.jobs[0]!;
      job.waiting -= 1;
      if (job.waiting === 0) grantee.jobs.shift();
      grantee.outstanding += 1;
      this.#queued += 1;
      grantee.inTurn = false;
      if (grantee.outstanding < maxOutstandingPerGrantee) this.#enterTurn(number);
      if (dispatchPerSecond === Infinity) this.#queue.push(job.number);
      else {
        this.#dispatcherFreeAt = Math.max(time, this.#dispatcherFreeAt) + 1 / dispatchPerSecond;
        this.#events.add(this.#dispatcherFreeAt, publish, job.number);
      }
    }
    if (this.#turnFrom > 4_096) {
      this.#turn.splice(0, this.#turnFrom);
      this.#turnFrom = 0;
    }
  }

  #published(job: number): void {
    this.#queue.push(job);
  }

  /** Workers take what is published, as long as threads and partitions are free. */
  #begin(time: number): void {
    const { partitions, threads, cores, handoverSeconds, spread, storeBytesPerSecond } = this.#scenario;
    const { taskSeconds, reduceSeconds, readBytesPerSecond } = this.#scenario;
    const places = Math.min(partitions, this.#alive * threads);
    while (this.#queueFrom < this.#queue.length && this.#running < places) {
      const number = this.#queue[this.#queueFrom++]!;
      this.#queued -= 1;
      this.#running += 1;
      const { isReducing } = this.#jobs[number]!;
      const alone = draw(this.#random, isReducing ? reduceSeconds : taskSeconds, spread);
      const slowed = Math.max(
        1,
        this.#running / cores,
        (this.#running * readBytesPerSecond) / storeBytesPerSecond,
      );
      this.#events.add(time + handoverSeconds + alone * slowed, finish, number);
      if (this.#isWatched(time)) this.#sums.bytes += isReducing ? 0 : alone * readBytesPerSecond;
    }
    if (this.#queueFrom > 65_536) {
      this.#queue.splice(0, this.#queueFrom);
      this.#queueFrom = 0;
    }
  }

  #finish(time: number, number: number): void {
    const { reduceTasks, replicas } = this.#scenario;
    const job = this.#jobs[number]!;
    this.#running -= 1;
    if (this.#isWatched(time)) this.#sums.done += 1;
    if (this.#leaving > 0) this.#leave(1);
    this.#grantees[job.grantee]!.outstanding -= 1;
    job.undone -= 1;
    if (job.undone === 0 && !job.isReducing && reduceTasks > 0) {
      job.isReducing = true;
      job.waiting = job.undone = reduceTasks * replicas;
      this.#offer(number, true);
    } else if (job.undone === 0) this.#events.add(this.#minedAt(time), commit, number);
    this.#enterTurn(job.grantee);
  }

  #minedAt(time: number): number {
    const { postSeconds, blockSeconds, confirmations } = this.#scenario;
    const sentAt = time + postSeconds;
    if (blockSeconds === 0) return sentAt;
    return (Math.floor(sentAt / blockSeconds) + 1 + confirmations) * blockSeconds;
  }

  #scale(time: number): void {
    const { scaling } = this.#scenario;
    if (this.#scaler === undefined || scaling.kind !== "keda") return;
    const wished = this.#scaler.decide(time, this.#queued + this.#running, this.#asked);
    if (wished > this.#asked) this.#events.add(time + scaling.startSeconds, start, wished - this.#asked);
    else if (wished < this.#asked) this.#leaving += this.#asked - wished;
    this.#asked = wished;
    this.#leave(this.#leaving);
    this.#events.add(time + (wished === 0 ? scaling.pollingSeconds : syncSeconds), scale);
  }

  /** Workers that must go do so when they have nothing in hand: a thread that ends its task is not given another. */
  #leave(most: number): void {
    const idle = this.#alive - Math.ceil(this.#running / this.#scenario.threads);
    const gone = Math.max(0, Math.min(most, this.#leaving, idle));
    this.#alive -= gone;
    this.#leaving -= gone;
  }

  #started(time: number, workers: number): void {
    this.#alive += workers;
    if (this.#leaving > 0) this.#leave(this.#leaving);
    if (this.#alive > this.#mostAlive) {
      this.#mostAlive = this.#alive;
      this.#firstSeen.set(this.#alive, time);
    }
  }

  #isWatched = (time: number): boolean =>
    time >= this.#scenario.warmUpSeconds && time <= this.#scenario.untilSeconds;

  /** Adds what was the case since the event before. */
  #account(time: number): void {
    const { warmUpSeconds, untilSeconds } = this.#scenario;
    const sums = this.#sums;
    const lasted = Math.min(time, untilSeconds) - Math.max(sums.from, warmUpSeconds);
    sums.from = time;
    if (lasted <= 0) return;
    const lag = this.#queued + this.#running;
    sums.running += lasted * this.#running;
    sums.alive += lasted * this.#alive;
    sums.lag += lasted * lag;
    if (lag > sums.mostLag) sums.mostLag = lag;
  }

  #outcome(): Outcome {
    const { warmUpSeconds, untilSeconds, scaling } = this.#scenario;
    const seconds = untilSeconds - warmUpSeconds;
    const looked = this.#jobs.filter(({ arrivedAt }) => this.#isWatched(arrivedAt));
    const sums = this.#sums;
    const seen = [...this.#firstSeen];
    const fixed = scaling.kind === "fixed" ? scaling.workers : 0;
    return {
      latencies: Float64Array.from(looked, ({ arrivedAt, committedAt }) => committedAt - arrivedAt).sort(),
      meanRunning: sums.running / seconds,
      meanWorkers: sums.alive / seconds,
      mostWorkers: Math.max(fixed, this.#mostAlive),
      meanLag: sums.lag / seconds,
      mostLag: sums.mostLag,
      tasksPerSecond: sums.done / seconds,
      readBytesPerSecond: sums.bytes / seconds,
      makespanSeconds: sums.lastCommit,
      reachedAt: (workers) =>
        seen.find(([alive]) => alive >= workers)?.[1] ?? (fixed >= workers ? 0 : Infinity),
    };
  }
}
