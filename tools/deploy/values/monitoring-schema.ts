import { duration, flag, type Json, object, share, texts, whole } from "./build.ts";

const count = whole(0, 1_000_000_000);
const seconds = whole(1, 10_000_000);
const bucket = (...bounds: readonly number[]): Json => ({ type: "integer", enum: bounds });

/** Monitors, rules and dashboards. Objectives are buckets of their histograms: between two, nothing is counted. */
export const monitoringSchema: Json = object({
  podMonitor: object({ enabled: flag, interval: duration, scrapeTimeout: duration, labels: texts }),
  rules: object({
    enabled: flag,
    labels: texts,
    alertLabels: texts,
    runbookRoot: { type: "string", minLength: 1 },
    thresholds: object({
      jobObjectiveSeconds: bucket(30, 60, 120, 300, 600, 1_800, 3_600, 10_800),
      jobMissBudget: share,
      jobMissesAtLeast: count,
      jobStuckSeconds: seconds,
      queueLagPerWorker: { type: "number", exclusiveMinimum: 0 },
      workersAbsentFor: duration,
      leasesLostMessages: count,
      memoryShare: share,
      mirrorLagSeconds: seconds,
      mirrorFailures: count,
      reorgDepthBlocks: bucket(1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128),
      transactionStuckSeconds: seconds,
      transactionFailures: count,
      signerBalanceEther: { type: "number", minimum: 0 },
      usesWaiting: count,
      outboxAgeSeconds: seconds,
      consumerLagMessages: count,
      ticketRefusals: count,
      callFailureShare: share,
      certificateDays: whole(1, 825),
    }),
  }),
  dashboards: object({ enabled: flag, labels: texts, annotations: texts }),
});
