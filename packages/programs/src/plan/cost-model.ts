import type { Profile } from "@cos/fhe";

/**
 * Version of every constant in this file; it stands in the plan. Plans depend on program, manifest and profile, so what
 * they weigh costs by is fixed here and not measured where they are made: a machine's own rates only turn a plan's cost
 * into seconds (`explainPlan`).
 */
export const costModelVersion = "cos-cost/1";

/**
 * Work in passes, one pass being about as much as expanding one fresh polynomial pair of N = 2048 under one prime:
 * unpacking 2,048 residues and deriving as many from the seed. A task with products and one without take times in this
 * ratio within a third, with either engine.
 */
export const passesOf = { expand: 1, sum: 0.25, product: 1 } as const;

/** Size of this profile's polynomials in those of N = 2048 and one prime. */
export const passUnits = ({ ringDegree, primes }: Profile): number => (ringDegree * primes.length) / 2048;

/**
 * The machines that costs are weighed for: one core of a server with the native engine that reads from an object store,
 * and an owner who sends and fetches at 200 Mbit/s and encrypts on one core at about the same rate.
 */
export const reference = {
  passesPerSecond: 100_000,
  storeBytesPerSecond: 250e6,
  ownerBytesPerSecond: 25e6,
} as const;

/** A layout is encrypted and sent once, and read by about so many jobs. */
const jobsPerLayout = 10;

/** What a plan or a part of one costs. */
export type Cost = {
  /** Ciphertext bytes that workers read. */
  inputBytes: number;
  passes: number;
  /** Bytes that the owner fetches and opens. */
  resultBytes: number;
};

/** Seconds of the reference worker for reading and computing; they overlap in practice, but both occupy the machine. */
export const workSeconds = ({ inputBytes, passes }: Pick<Cost, "inputBytes" | "passes">): number =>
  inputBytes / reference.storeBytesPerSecond + passes / reference.passesPerSecond;

/** Seconds that the owner waits for the result. */
export const resultSeconds = ({ resultBytes }: Pick<Cost, "resultBytes">): number =>
  resultBytes / reference.ownerBytesPerSecond;

/** What alternatives are ranked by. */
export const weighedSeconds = (cost: Cost): number => workSeconds(cost) + resultSeconds(cost);

/** A job's share of what encrypting and sending a layout of so many bytes costs its owner. */
export const publishSeconds = (restBytes: number): number =>
  (2 * restBytes) / reference.ownerBytesPerSecond / jobsPerLayout;

/** A job is cut into about so many tasks, so that it spreads over workers and a lost task costs little... */
const targetTasks = 64;
/** ...but a task is worth its round trips: about a second with the wasm engine, so that small jobs stay prompt there... */
const minTaskSeconds = 0.12;
/** ...and no task is longer than this, which keeps leases, retries and cancellation within half a minute. */
const maxTaskSeconds = 20;

/** Seconds of the reference worker that one task of a job should take. */
export const taskSeconds = (jobSeconds: number): number =>
  Math.min(maxTaskSeconds, Math.max(minTaskSeconds, jobSeconds / targetTasks));
