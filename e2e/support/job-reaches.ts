import { type JobView, watchJob } from "@cos/client";
import type { Scene } from "./scene.ts";

const order = ["PERMITTED", "PLANNED", "RUNNING", "REDUCING", "COMPLETED", "COMMITTED", "SETTLED"];

/** Waits until a job is in this state, or in a later one of an ordinary run. @throws when it ends otherwise */
export async function jobReaches(scene: Scene, jobId: string, wanted: string): Promise<JobView> {
  const reached = (state: string) => order.indexOf(state) >= order.indexOf(wanted);
  const { client, account } = scene.researcher;
  let last: JobView | undefined;
  for await (const job of watchJob(client, account, jobId, { until: reached, timeoutMs: 120_000 })) {
    last = job;
    if (reached(job.state)) return job;
  }
  throw new Error(`the job ended as ${last?.state ?? "unknown"}: ${last?.reason ?? ""}`);
}
