import type { Address, JobId } from "@cos/protocol";
import type { Job } from "../domain/job.ts";
import { isTerminal, type JobState } from "../domain/job-state.ts";
import type { JobProgress, JobRecords, TaskRecords } from "./ports.ts";

/** A job with its history and how far its tasks are. */
export type JobView = {
  readonly job: Job;
  readonly transitions: readonly { state: JobState; at: number }[];
  readonly progress: JobProgress;
};

export type ReadJobsDeps = {
  readonly jobs: JobRecords;
  readonly tasks: TaskRecords;
  /** Calls back after each commit that changed the job; answers how to stop. */
  readonly onChange: (jobId: JobId, changed: () => void) => () => void;
};

const nothing: JobProgress = { tasksTotal: 0, tasksDone: 0, bytesRead: 0, computeSeconds: 0 };

/** One job, or `undefined`. */
export async function getJob(deps: ReadJobsDeps, jobId: JobId): Promise<JobView | undefined> {
  const job = await deps.jobs.find(jobId);
  return job && (await withDetails(deps, [job]))[0];
}

/** Jobs, newest first. */
export const listJobs = async (
  deps: ReadJobsDeps,
  filter: { grantee?: Address; datasetId?: string; limit: number },
): Promise<JobView[]> => withDetails(deps, await deps.jobs.list(filter));

async function withDetails(deps: ReadJobsDeps, jobs: readonly Job[]): Promise<JobView[]> {
  const ids = jobs.map((job) => job.jobId);
  const transitions = await deps.jobs.transitions(ids);
  const progress = await deps.tasks.progress(ids);
  return jobs.map((job) => ({
    job,
    transitions: transitions.get(job.jobId) ?? [],
    progress: progress.get(job.jobId) ?? nothing,
  }));
}

/** Looks again this often even when nothing woke it: another process may have changed the job. */
const lookAgainMs = 15_000;

/**
 * The job now, and after every change until it is terminal; several changes at once show as one. Ends silently when
 * `signal` aborts or there is no such job (ask `getJob` first).
 */
export async function* watchJob(
  deps: ReadJobsDeps,
  jobId: JobId,
  signal: AbortSignal,
): AsyncIterable<JobView> {
  let changed = true;
  let wake = () => {};
  const stop = deps.onChange(jobId, () => {
    changed = true;
    wake();
  });
  let last = "";
  try {
    while (!signal.aborted) {
      changed = false;
      const view = await getJob(deps, jobId);
      if (!view) return;
      const text = JSON.stringify(view);
      if (text !== last) yield view;
      last = text;
      if (isTerminal(view.job.state)) return;
      if (!changed && !signal.aborted)
        await new Promise<void>((resolve) => {
          const timer = setTimeout(() => wake(), lookAgainMs);
          wake = () => {
            clearTimeout(timer);
            signal.removeEventListener("abort", wake);
            resolve();
          };
          signal.addEventListener("abort", wake, { once: true });
        });
    }
  } finally {
    stop();
  }
}
