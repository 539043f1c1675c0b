import { tinyDataset } from "@cos/programs/tiny-dataset";
import { Stage } from "@cos/proto/chain";
import { BeginTaskResponse_Decision as Decision } from "@cos/proto/compute";
import { asDigest, asPermitId, digestOfBytes, signTaskAttestation } from "@cos/protocol";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Platform, startPlatform } from "./test-platform.ts";
import type { TestWorker } from "./test-worker.ts";

const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");
let platform: Platform;
let workers: TestWorker[] = [];

beforeAll(async () => {
  platform = await startPlatform(await tinyDataset(), {
    config: { tieBreakSeconds: 20, republishSeconds: 30 },
  });
}, 120_000);
afterAll(() => platform.dispose());
afterEach(async () => {
  for (const worker of workers) await worker.stop();
  workers = [];
  platform.clock.forward(120); // those workers are forgotten, their leases over
});

const addWorker: Platform["addWorker"] = async (over) => {
  const worker = await platform.addWorker(over);
  workers.push(worker);
  return worker;
};

/** A revocation of the grant that the test's permits rest on. */
const revoke = (grantId: string) => ({
  $case: "accessRevoked" as const,
  value: { grantId, datasetId: "1", by: Buffer.alloc(20) },
});

/** Tasks of a job, straight from its rows. */
const tasksOf = async (jobId: string) =>
  (
    await platform.db.query<{ task_id: string; stage: number }>(
      "SELECT task_id, stage FROM task WHERE job_id = $1 ORDER BY ordinal",
      [jobId],
    )
  ).rows;

describe("replicas", () => {
  it("go to a third worker when two differ, and the majority stands", async () => {
    let liesLeft = 1;
    const tamper = (output: Uint8Array) => {
      if (liesLeft-- > 0) output[output.length - 1]! ^= 1;
      return output;
    };
    for (let n = 0; n < 3; n++) await addWorker({ tamper });
    const { permitId } = await platform.issue();
    const done = await platform.reaches(permitId, "COMPLETED", "FAILED");
    expect(platform.stateName(done.state)).toBe("COMPLETED");
    await platform.expectRightResult(done);
    expect(done.tasksDone).toBeGreaterThan(2 * (await tasksOf(permitId)).length);
  }, 120_000);

  it("fail the job when three differ", async () => {
    for (const flip of [1, 2, 3]) {
      await addWorker({
        tamper: (output) => {
          output[output.length - 1]! ^= flip;
          return output;
        },
      });
    }
    const { permitId } = await platform.issue();
    const failed = await platform.reaches(permitId, "FAILED");
    expect(failed.reason).toBe("REPLICA_MISMATCH");
    expect(JSON.parse(failed.factsJson).digests).toHaveLength(3);
    await expect.poll(() => platform.told(permitId)).toEqual(["jobPlanned", "jobFailed"]);
  }, 120_000);

  it("fail the job when two differ and no third worker comes", async () => {
    const liar = await addWorker({ tamper: (output) => output.fill(output[0]! ^ 1, 0, 1) });
    const honest = await addWorker();
    const { permitId } = await platform.issue();
    await expect
      .poll(() => liar.completed.length > 0 && honest.completed.length > 0, { timeout: 60_000 })
      .toBe(true);
    await expect
      .poll(
        async () => {
          platform.clock.forward(3);
          return platform.stateName((await platform.job(permitId))?.state ?? 0);
        },
        { timeout: 60_000, interval: 150 },
      )
      .toBe("FAILED");
  }, 120_000);

  it("are filled by a lone worker, which two would not be", async () => {
    await addWorker();
    const { permitId } = await platform.issue();
    await platform.expectRightResult(await platform.reaches(permitId, "COMPLETED"), 2).then(
      () => expect.unreachable("one worker proves nothing to an owner"),
      (error: Error) => expect(error.message).toContain("REPLICAS_MISSING"),
    );
  }, 120_000);
});

describe("a lease", () => {
  it("is void once its fence is stale, whatever the holder sends", async () => {
    const { permitId } = await platform.issue({ replicas: 1 });
    await platform.reaches(permitId, "PLANNED");
    const worker = await addWorker({ region: "idle" });
    const [task] = await tasksOf(permitId);
    const begin = {
      jobId: bytes(permitId),
      taskId: bytes(task!.task_id),
      worker: bytes(worker.address),
    };
    const first = await worker.client.beginTask(begin);
    expect((await worker.client.beginTask(begin)).decision).toBe(Decision.DECISION_LATER);
    platform.clock.forward(platform.config.leaseSeconds);
    const second = await worker.client.beginTask(begin);
    expect([first.decision, second.decision]).toEqual([Decision.DECISION_RUN, Decision.DECISION_RUN]);
    expect(second.fence).toBeGreaterThan(first.fence);
    const stale = { status: "ABORTED", code: "STALE_FENCE" };
    const { taskId } = begin;
    const output = { digest: Buffer.alloc(32, 9), sizeBytes: 10n };
    for (const fence of [first.fence, 0n, 2n ** 64n - 1n]) {
      await expect(worker.client.heartbeatTask({ taskId, fence })).rejects.toMatchObject(stale);
      await expect(worker.client.presignOutput({ taskId, fence, ...output })).rejects.toMatchObject(stale);
      await expect(
        worker.client.failTask({ taskId, fence, code: "X", retryable: true }),
      ).rejects.toMatchObject(stale);
    }
    expect((await worker.client.heartbeatTask({ taskId, fence: second.fence })).wanted).toBe(true);
  }, 120_000);

  it("takes only an output that is stored, planned in size and signed by its holder", async () => {
    const { permitId } = await platform.issue({ replicas: 1 });
    await platform.reaches(permitId, "PLANNED");
    const worker = await addWorker({ region: "idle" });
    const [task] = await tasksOf(permitId);
    const taskId = bytes(task!.task_id);
    const { fence } = await worker.client.beginTask({
      jobId: bytes(permitId),
      taskId,
      worker: bytes(worker.address),
    });
    await expect(
      worker.client.presignOutput({ taskId, fence, digest: Buffer.alloc(32, 9), sizeBytes: 2n ** 40n }),
    ).rejects.toMatchObject({ status: "RESOURCE_EXHAUSTED", code: "OUTPUT_TOO_LARGE" });
    const body = Buffer.from("an output");
    const outputDigest = digestOfBytes(body);
    const sign = async (permit: string) =>
      bytes(
        await signTaskAttestation(worker.wallet, platform.config.chainId, {
          permitId: asPermitId(permit),
          taskId: asDigest(task!.task_id),
          outputDigest,
        }),
      );
    const completion = {
      taskId,
      fence,
      outputDigest: bytes(outputDigest),
      sizeBytes: BigInt(body.length),
      signature: await sign(permitId),
      bytesRead: 0n,
      computeSeconds: 0,
    };
    await expect(worker.client.completeTask(completion)).rejects.toMatchObject({ code: "OUTPUT_NOT_STORED" });
    await platform.put(body);
    await expect(
      worker.client.completeTask({ ...completion, signature: await sign(task!.task_id) }),
    ).rejects.toMatchObject({ status: "INVALID_ARGUMENT", code: "BAD_ATTESTATION" });
    expect((await worker.client.completeTask(completion)).counted).toBe(true);
    expect((await worker.client.completeTask(completion)).counted).toBe(false);
  }, 120_000);

  it("refuses workers that are not attested for the job's region", async () => {
    const { permitId } = await platform.issue();
    await platform.reaches(permitId, "PLANNED");
    const stranger = await addWorker({ attested: false, region: "elsewhere" });
    const [task] = await tasksOf(permitId);
    await expect(
      stranger.client.beginTask({
        jobId: bytes(permitId),
        taskId: bytes(task!.task_id),
        worker: bytes(stranger.address),
      }),
    ).rejects.toMatchObject({ status: "PERMISSION_DENIED", code: "REGION_NOT_ATTESTED" });
  }, 120_000);

  it("comes back when its worker vanishes, and another finishes the job", async () => {
    let vanished = 0;
    await addWorker({
      hold: async () => {
        vanished += 1;
        return "vanish";
      },
    });
    const { permitId } = await platform.issue({ replicas: 1 });
    await expect.poll(() => vanished, { timeout: 60_000 }).toBeGreaterThan(0);
    await workers.pop()?.stop();
    await addWorker();
    platform.clock.forward(platform.config.leaseSeconds + platform.config.workerForgottenSeconds);
    const done = await platform.reaches(permitId, "COMPLETED");
    await expect.poll(() => platform.told(permitId)).toEqual(["jobPlanned", "jobCompleted"]);
    expect(done.tasksDone).toBe(done.tasksTotal);
  }, 120_000);
});

describe("stopping", () => {
  it("a revocation ends the work at the next heartbeat; its retraction takes the job up again", async () => {
    const { promise: goOn, resolve: release } = Promise.withResolvers<"go on">();
    const { permitId } = await platform.issue({ grantId: "41" });
    const held: { taskId: string; fence: bigint }[] = [];
    const hold = async (task: { jobId: string; taskId: string; fence: bigint }) => {
      if (task.jobId !== permitId) return "go on" as const; // left behind by an earlier test
      held.push(task);
      return goOn;
    };
    const a = await addWorker({ hold });
    await addWorker({ hold });
    await expect.poll(() => held.length, { timeout: 60_000 }).toBeGreaterThan(0);
    const { taskId, fence } = held[0]!;
    const request = { taskId: bytes(taskId), fence };
    expect((await a.client.heartbeatTask(request)).wanted).toBe(true);

    const revoked = await platform.emit(revoke("41"));
    await platform.emit(revoked.event!, { ...revoked, messageId: "once more" });
    const cancelled = await platform.reaches(permitId, "CANCELLED");
    expect(cancelled.reason).toBe("GRANT_REVOKED");
    expect((await a.client.heartbeatTask(request)).wanted).toBe(false);
    const begun = await a.client.beginTask({
      jobId: bytes(permitId),
      taskId: bytes(taskId),
      worker: bytes(a.address),
    });
    expect(begun.decision).toBe(Decision.DECISION_NOT_WANTED);
    await expect.poll(() => platform.told(permitId)).toEqual(["jobPlanned", "jobCancelled"]);

    await platform.emit(revoked.event!, { ...revoked, stage: Stage.STAGE_RETRACTED });
    release("go on");
    await platform.expectRightResult(await platform.reaches(permitId, "COMPLETED"));
  }, 120_000);

  it("a job that was stopped while its last outputs came in catches up when the stop is retracted", async () => {
    const { promise: goOn, resolve: release } = Promise.withResolvers<"go on">();
    const { permitId } = await platform.issue({ grantId: "42" });
    let held = 0;
    const hold = async ({ jobId }: { jobId: string }) => {
      if (jobId !== permitId || held === 2) return "go on" as const;
      held += 1;
      return goOn;
    };
    const a = await addWorker({ hold });
    const b = await addWorker({ hold });
    await expect.poll(() => held, { timeout: 60_000 }).toBe(2); // both replicas of the only map task
    const before = a.completed.length + b.completed.length;
    const revoked = await platform.emit(revoke("42"));
    await platform.reaches(permitId, "CANCELLED");
    release("go on");
    await expect
      .poll(() => a.completed.length + b.completed.length, { timeout: 60_000 })
      .toBeGreaterThanOrEqual(before + 2);
    expect(platform.stateName((await platform.job(permitId))?.state ?? 0)).toBe("CANCELLED");
    await platform.emit(revoked.event!, { ...revoked, stage: Stage.STAGE_RETRACTED });
    await platform.expectRightResult(await platform.reaches(permitId, "COMPLETED"));
  }, 120_000);

  it("a withdrawal bars jobs over older versions; a revocation spares permits issued after it", async () => {
    const before = await platform.issue({ grantId: "51" });
    await platform.reaches(before.permitId, "PLANNED");
    const all = await platform.emit({
      $case: "allAccessRevoked",
      value: { datasetId: "1", epoch: 2n, by: Buffer.alloc(20) },
    });
    await platform.reaches(before.permitId, "CANCELLED");
    const after = await platform.issue({ grantId: "52" });
    await platform.reaches(after.permitId, "PLANNED");
    await platform.emit(all.event!, { ...all, stage: Stage.STAGE_FINALIZED });
    await platform.emit({
      $case: "datasetVersioned",
      value: {
        datasetId: "1",
        version: 2,
        manifestCommitment: Buffer.alloc(32),
        manifestUri: "",
        reason: "append",
        parent: 1,
        effectiveAt: 0n,
      },
    });
    const marker = await platform.issue({ grantId: "53" });
    await platform.reaches(marker.permitId, "PLANNED");
    expect(platform.stateName((await platform.job(after.permitId))?.state ?? 0)).toBe("PLANNED");
    await platform.emit({
      $case: "datasetVersioned",
      value: {
        datasetId: "1",
        version: 3,
        manifestCommitment: Buffer.alloc(32),
        manifestUri: "",
        reason: "withdraw",
        parent: 2,
        effectiveAt: 0n,
      },
    });
    expect((await platform.reaches(after.permitId, "CANCELLED")).reason).toBe("VERSION_BARRED");
  }, 120_000);

  it("a clause that fell meanwhile is seen before the result is published", async () => {
    await addWorker({
      hold: async () => {
        platform.facts.refusals.set("61", { code: "IDENTITY_DEAD", clause: 1 });
        return "go on";
      },
    });
    const { permitId } = await platform.issue({ grantId: "61", replicas: 1 });
    expect((await platform.reaches(permitId, "CANCELLED")).reason).toBe("IDENTITY_DEAD");
    expect(platform.told(permitId)).not.toContain("jobCompleted");
  }, 120_000);

  it("a permit that was reorganised away pauses its job, and comes back or ends it at finality", async () => {
    const { permitId, log } = await platform.issue({ replicas: 1 });
    await platform.reaches(permitId, "PLANNED");
    await platform.emit(log.event!, { ...log, stage: Stage.STAGE_RETRACTED });
    await expect.poll(async () => (await platform.job(permitId))?.paused).toBe(true);
    const worker = await addWorker();
    const [task] = await tasksOf(permitId);
    const begin = { jobId: bytes(permitId), taskId: bytes(task!.task_id), worker: bytes(worker.address) };
    expect((await worker.client.beginTask(begin)).decision).toBe(Decision.DECISION_LATER);
    await platform.emit(log.event!, { stage: Stage.STAGE_CONFIRMED });
    await platform.reaches(permitId, "COMPLETED");

    const lost = await platform.issue({ replicas: 1 });
    await platform.emit(lost.log.event!, { ...lost.log, stage: Stage.STAGE_RETRACTED });
    await expect
      .poll(async () => (await platform.job(lost.permitId))?.paused, { timeout: 60_000 })
      .toBe(true);
    platform.facts.finalized = lost.log.blockNumber;
    const ended = await platform.reaches(lost.permitId, "CANCELLED", "COMPLETED");
    if (platform.stateName(ended.state) === "CANCELLED") expect(ended.reason).toBe("PERMIT_REORGED_AWAY");
    await platform.emit(lost.log.event!, { stage: Stage.STAGE_CONFIRMED });
    await platform.reaches(lost.permitId, "COMPLETED");
    platform.facts.finalized = 0n;
  }, 120_000);

  it("the end of a permit's time ends its job", async () => {
    const { permitId } = await platform.issue({ expiry: platform.clock.now + 30 });
    await platform.reaches(permitId, "PLANNED");
    platform.clock.forward(20);
    const other = await platform.issue();
    await platform.reaches(other.permitId, "PLANNED");
    expect(platform.stateName((await platform.job(permitId))?.state ?? 0)).toBe("PLANNED");
    platform.clock.forward(10);
    expect((await platform.reaches(permitId, "EXPIRED")).reason).toBe("PERMIT_EXPIRED");
  }, 120_000);
});

describe("failing", () => {
  it("a tampered input ends the job when two workers say so", async () => {
    const { permitId } = await platform.issue();
    await platform.reaches(permitId, "PLANNED");
    const a = await addWorker({ region: "idle" });
    const b = await addWorker({ region: "idle" });
    const [task] = await tasksOf(permitId);
    const taskId = bytes(task!.task_id);
    for (const { client, address } of [a, b]) {
      await client.announceWorker({ worker: bytes(address), regions: ["eu"] });
    }
    for (const worker of [a, b]) {
      const { fence } = await worker.client.beginTask({
        jobId: bytes(permitId),
        taskId,
        worker: bytes(worker.address),
      });
      expect(platform.stateName((await platform.job(permitId))?.state ?? 0)).toBe("RUNNING");
      await worker.client.failTask({ taskId, fence, code: "DIGEST_MISMATCH", retryable: false });
    }
    expect((await platform.reaches(permitId, "FAILED")).reason).toBe("DIGEST_MISMATCH");
    // Of this job: leases that earlier tests' workers left may be written off meanwhile.
    const { rows } = await platform.db.query<{ code: string }>(
      "SELECT code FROM task_failure WHERE job_id = $1",
      [permitId],
    );
    expect(rows.map(({ code }) => code)).toEqual(["DIGEST_MISMATCH", "DIGEST_MISMATCH"]);
  }, 120_000);
});
