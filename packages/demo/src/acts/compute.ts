import {
  type Authorisation,
  type Issued,
  issuePermit,
  type JobView,
  type PermitDraft,
  waitForJob,
} from "@cos/client";
import type { Party } from "../run/actor.ts";
import type { StageClock } from "../run/stage-clock.ts";

/** The researcher pays and obtains the permit; two workers compute; settlement posts and pays out. */
export async function runJob(
  clock: StageClock,
  researcher: Party,
  draft: PermitDraft,
  authorisation: Authorisation,
): Promise<{ issued: Issued; job: JobView }> {
  const issued = await clock.run("researcher", "pay and obtain the permit", async (report) => {
    const permit = await issuePermit(researcher.client, researcher.account, draft, [authorisation]);
    report.note(`permit ${permit.permitId.slice(0, 10)}…`);
    return permit;
  });
  const job = await clock.run("workers", "compute on ciphertexts, twice", async (report) => {
    const done = await waitForJob(
      researcher.client,
      researcher.account,
      issued.permitId,
      "COMPLETED",
      ({ tasksDone, tasksTotal }) => report.progress(tasksDone, tasksTotal),
      300_000,
    );
    report.bytes(done.bytesRead);
    report.note(`${done.tasksTotal} tasks, ${(done.bytesRead / 1e6).toFixed(1)} MB read`);
    return done;
  });
  await clock.run("operator", "post the commitment, settle", async (report) => {
    const settled = await waitForJob(
      researcher.client,
      researcher.account,
      issued.permitId,
      "COMMITTED",
      undefined,
      120_000,
    );
    report.note(settled.state.toLowerCase());
  });
  return { issued, job };
}
