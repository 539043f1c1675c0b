import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { jobReaches } from "../support/job-reaches.ts";
import { Scene } from "../support/scene.ts";
import { scrape } from "../support/scrape-all.ts";
import { smallCohort } from "../support/small-cohort.ts";
import { type ExportedSpan, readSpans } from "./read-spans.ts";

/** The last thing that a paid job's trace tells: the block that settled it is final. */
export const settledSpan = "chain jobReleased finalized";

/**
 * Runs one paid job on the embedded platform, from its permit to its settlement, and reads what was traced of it.
 * @returns the job's id (its permit's), every span that the platform exported, those of other traces included, and what
 * each service's `/metrics` said at the end
 */
export async function runTracedJob(): Promise<{
  readonly jobId: string;
  readonly spans: ExportedSpan[];
  readonly metrics: ReadonlyMap<string, string>;
}> {
  const scene = await Scene.open();
  const folder = join(scene.dir, "traces");
  try {
    // The preparations are not traced: the platform starts again with a folder for its spans.
    const { files, trait } = await smallCohort(scene.dir);
    const { datasetId } = await scene.publish(files);
    const { grantId, requestFile } = await scene.grant(datasetId, scene.paid());
    await scene.credit(scene.researcher.account.address, 10_000n);
    await scene.platform.stop();
    await scene.restart({ telemetry: { folder } });
    const { jobId } = await scene.run(datasetId, grantId, trait);
    await scene.release(await scene.openResult(jobId), requestFile);
    await jobReaches(scene, jobId, "SETTLED");
    // The release's block becomes final when others follow it; then its payment is, too.
    await scene.researcher.client.chain.provider.send("anvil_mine", ["0x3"]);
    await releaseIsFinal(folder);
    const metrics = await scrape(join(scene.platformOptions.dataDir, "metrics.json"));
    await scene.platform.stop();
    return { jobId, spans: await readSpans(folder), metrics };
  } finally {
    await scene.close();
  }
}

async function releaseIsFinal(folder: string): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const spans = await readSpans(folder);
    if (spans.some(({ name }) => name === settledSpan)) return;
    await delay(100);
  }
  throw new Error("the release did not become final");
}
