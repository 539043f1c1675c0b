import type { Digest, JobId } from "@cos/protocol";
import type { PermitTerms, StopEnd } from "./chain-effect.ts";
import type { JobState, Progress } from "./job-state.ts";

/** A result's commitment and where its bundle lies. */
export type ResultRef = { readonly commitment: Digest; readonly uri: string };

/** A job as the orchestrator stores it. The job's id is its permit's id. */
export type Job = {
  readonly jobId: JobId;
  readonly state: JobState;
  /** Its permit's block was removed by a reorganisation; the job waits. */
  readonly paused: boolean;
  /** Height of that block; `undefined` unless paused. */
  readonly lostAtBlock: number | undefined;
  /** Why it was rejected, failed, cancelled or expired; empty otherwise. */
  readonly reason: string;
  /** Facts of the reason. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Identity of the log that ended the job; `undefined` when no log did. */
  readonly stoppedBy: string | undefined;
  readonly terms: PermitTerms;
  /** Name of the region whose workers run it; decided by the permit, and at planning by the datasets. */
  readonly region: string;
  /** Replicas of each task. */
  readonly wanted: number;
  readonly progress: Progress;
  readonly planDigest: Digest | undefined;
  /** What this orchestrator computed; `undefined` before the job completed. */
  readonly result: ResultRef | undefined;
  /** What stands on chain; `undefined` unless posted. */
  readonly posted: ResultRef | undefined;
  /** Unix seconds. */
  readonly createdAt: number;
};

/** A log that stops a job, whether or not the job could be stopped when it came. */
export type StopCause = { readonly logKey: string; readonly end: StopEnd; readonly reason: string };

/** The move that a stop's end asks for; `lapse` and `overrule` where the job is past the ordinary one. */
export function stopMove(state: JobState, end: StopEnd): "cancel" | "expire" | "lapse" | "fail" | "overrule" {
  switch (end) {
    case "CANCELLED":
      return "cancel";
    case "EXPIRED":
      return state === "COMPLETED" ? "lapse" : "expire";
    case "FAILED":
      return state === "COMMITTED" ? "overrule" : "fail";
  }
}
