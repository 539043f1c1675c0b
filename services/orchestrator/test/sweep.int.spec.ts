import { objectKey } from "@cos/objects";
import { Stage } from "@cos/proto/chain";
import { asDigest } from "@cos/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Platform, startPlatform } from "./test-platform.ts";
import { tinyDataset } from "./tiny-dataset.ts";

const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");
let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform(await tinyDataset());
}, 120_000);
afterAll(() => platform.dispose());

it("deletes outputs that nothing names any more, and keeps the result", async () => {
  await platform.addWorker();
  await platform.addWorker();
  const { permitId } = await platform.issue();
  const done = await platform.reaches(permitId, "COMPLETED");
  const { rows } = await platform.db.query<{ stage: number; output_digest: string }>(
    "SELECT stage, output_digest FROM task WHERE job_id = $1 ORDER BY stage",
    [permitId],
  );
  const stored = async (stage: number) => {
    const digest = asDigest(rows.find((row) => row.stage === stage)!.output_digest);
    return (await platform.objects.store.head(objectKey(digest))).ok;
  };
  platform.clock.forward(platform.config.orphanSeconds + 60);
  await platform.emit({
    $case: "jobResultPosted",
    value: {
      permitId: bytes(permitId),
      resultCommitment: done.resultCommitment,
      resultUri: done.resultUri,
      challengeEnds: 0n,
      poster: Buffer.alloc(20),
    },
  });
  await platform.reaches(permitId, "COMMITTED");
  expect([await stored(0), await stored(1)]).toEqual([true, true]);
  await platform.emit(
    { $case: "jobLapsed", value: { permitId: bytes(permitId), refunded: "0" } },
    { stage: Stage.STAGE_FINALIZED },
  );
  await platform.reaches(permitId, "SETTLED");
  await expect.poll(() => stored(0), { timeout: 60_000 }).toBe(false);
  expect(await stored(1)).toBe(true);
  await platform.expectRightResult(done);
}, 120_000);
