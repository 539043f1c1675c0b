import { objectKey } from "@cos/objects";
import { tinyDataset } from "@cos/programs/tiny-dataset";
import { Stage } from "@cos/proto/chain";
import { asDigest } from "@cos/protocol";
import { afterAll, beforeAll, expect, it } from "vitest";
import { raiseFences, takeWorkBack } from "../src/adapters/postgres/after-restore.ts";
import { createUploadRecords } from "../src/adapters/postgres/upload-records.ts";
import { type Platform, startPlatform } from "./test-platform.ts";

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

it("keeps an output that a job whose tasks were lost may have as its result", async () => {
  const { db } = platform;
  const uploads = createUploadRecords(db);
  const { permitId } = await platform.issue();
  await platform.reaches(permitId, "COMPLETED");
  const { rows } = await db.query<{ output_digest: string }>(
    "SELECT output_digest FROM task WHERE job_id = $1 AND stage = 1",
    [permitId],
  );
  const digest = asDigest(rows[0]!.output_digest);
  // Another job of the program is committed, as the chain says; the database that knew its tasks is gone.
  await db.query(
    `INSERT INTO job (job_id, state, terms, grantee, region, wanted, expiry, issue_block, issue_log_index,
      created_at, posted_commitment, posted_uri)
    SELECT 'lost', 'COMMITTED', terms, grantee, region, wanted, expiry, issue_block, issue_log_index, created_at,
      result_commitment, result_uri FROM job WHERE job_id = $1`,
    [permitId],
  );
  // This one was given up after all.
  await db.query("UPDATE job SET state = 'CANCELLED', result_commitment = NULL WHERE job_id = $1", [
    permitId,
  ]);
  const others = await db.query("SELECT 1 FROM job WHERE state = 'SETTLED'");
  expect(others.rowCount).toBe(1);
  await db.query("UPDATE job SET result_commitment = NULL, posted_commitment = NULL WHERE state = 'SETTLED'");
  const spare = async () => (await uploads.unreferenced(platform.clock.now + 1, 100)).includes(digest);
  expect(await spare()).toBe(false);
  await db.query("DELETE FROM job WHERE job_id = 'lost'");
  expect(await spare()).toBe(true);
}, 120_000);

it("gives no fencing number again that a lost database had given", async () => {
  const next = async () =>
    (await platform.db.query<{ n: bigint }>("SELECT nextval('fence') AS n")).rows[0]!.n;
  const before = await next();
  const nowMs = 1_800_000_000_000;
  await platform.db.inTransaction((tx) => raiseFences(tx, nowMs));
  expect(await next()).toBe(BigInt(nowMs) + 1n);
  expect(BigInt(nowMs)).toBeGreaterThan(before);
  await platform.db.inTransaction((tx) => raiseFences(tx, nowMs - 1_000));
  expect(await next()).toBe(BigInt(nowMs) + 2n);
});

it("takes back what was out when a database was lost, and blames nobody", async () => {
  const { db } = platform;
  const { permitId } = await platform.issue();
  await platform.reaches(permitId, "COMPLETED");
  // As a backup would hold it that was taken while one replica was computed and another waited on the broker.
  await db.query("UPDATE job SET paused = true WHERE job_id = $1", [permitId]);
  const of = "job_id = $1 AND task_id = (SELECT min(task_id) FROM replica WHERE job_id = $1) AND replica";
  await db.query(`UPDATE replica SET state = 'RUNNING' WHERE ${of} = 0`, [permitId]);
  await db.query(`UPDATE replica SET state = 'QUEUED', fence = NULL, worker = NULL WHERE ${of} = 1`, [
    permitId,
  ]);
  const done = await db.query("SELECT 1 FROM replica WHERE job_id = $1 AND state = 'DONE'", [permitId]);
  await db.inTransaction((tx) => takeWorkBack(tx));
  const { rows } = await db.query<{ state: string; fence: bigint | null; n: bigint }>(
    "SELECT state, max(fence) FILTER (WHERE state = 'WAITING') AS fence, count(*) AS n FROM replica WHERE job_id = $1 GROUP BY 1 ORDER BY 1",
    [permitId],
  );
  expect(rows).toEqual([
    { state: "DONE", fence: null, n: BigInt(done.rowCount) },
    { state: "WAITING", fence: null, n: 2n },
  ]);
  const failures = await db.query("SELECT 1 FROM task_failure WHERE job_id = $1", [permitId]);
  expect(failures.rowCount).toBe(0);
});

it("ends leases of a job that is over: whoever had them was told that nobody wants the work", async () => {
  const { db } = platform;
  const { permitId } = await platform.issue();
  await platform.reaches(permitId, "COMPLETED");
  await db.query("UPDATE job SET state = 'CANCELLED' WHERE job_id = $1", [permitId]);
  const changed = await db.query(
    "UPDATE replica SET state = 'RUNNING', lease_until = $2 WHERE job_id = $1 AND replica = 0",
    [permitId, platform.clock.now - 1],
  );
  expect(changed.rowCount).toBeGreaterThan(0);
  const leases = async () =>
    (await db.query("SELECT 1 FROM replica WHERE job_id = $1 AND state = 'RUNNING'", [permitId])).rowCount;
  await expect.poll(leases, { timeout: 30_000 }).toBe(0);
  const failures = await db.query("SELECT 1 FROM task_failure WHERE job_id = $1", [permitId]);
  expect(failures.rowCount).toBe(0);
}, 60_000);
