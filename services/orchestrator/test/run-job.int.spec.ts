import { type TinyDataset, tinyDataset } from "@cos/programs/tiny-dataset";
import { Stage } from "@cos/proto/chain";
import { ComputeServiceService } from "@cos/proto/compute";
import {
  asAddress,
  asDigest,
  type Digest,
  jobDocumentBytes,
  manifestBytes,
  manifestCommitment,
  toRegionCode,
} from "@cos/protocol";
import { createGrpcClient } from "@cos/service-host";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { jobOf, type Platform, startPlatform } from "./test-platform.ts";

const bytes = (text: string): Buffer => Buffer.from(text.slice(2), "hex");
let platform: Platform;
let dataset: TinyDataset;

/** A version of the dataset whose people consented to health research alone, which general research is not. */
async function narrowConsent(): Promise<{ version: number; commitment: Digest }> {
  const manifest = structuredClone(dataset.manifest);
  for (const segment of manifest.segments) segment.consentClass = ["DUO:0000006"];
  const digest = await platform.put(manifestBytes(manifest));
  const commitment = manifestCommitment(manifest);
  const version = {
    version: 5,
    manifestCommitment: commitment,
    manifestUri: `cos-object:${digest.slice(2)}`,
  };
  const known = platform.facts.datasets.get("1")!;
  platform.facts.datasets.set("1", {
    ...known,
    versions: [version, ...known.versions.filter((each) => each.version !== 5)], // the last one is the newest
  });
  return { version: 5, commitment };
}

beforeAll(async () => {
  const operator = asAddress(`0x${"01".repeat(20)}`);
  const config = { operator, maxPlanAttempts: 2, pricePerInputMebibyte: 5n };
  dataset = await tinyDataset({ chromosomes: 22, rowsPadded: 120 });
  platform = await startPlatform(dataset, { duplicateDeliveries: true, config });
}, 120_000);
afterAll(() => platform.dispose());

/** The spy, too, gets each delivery twice. */
const twice = (...names: string[]) => names.flatMap((name) => [name, name]);

describe("a job", () => {
  it("runs from permit to settlement, every event delivered twice, to one right result", async () => {
    const a = await platform.addWorker();
    const b = await platform.addWorker();
    const { permitId, log } = await platform.issue();
    await platform.emit(log.event!, { ...log, messageId: "the same log under another message id" });
    const compute = platform.client();
    const states: (string | undefined)[] = [];
    const watching = (async () => {
      await platform.reaches(permitId, "PLANNED", "RUNNING", "REDUCING", "COMPLETED");
      for await (const { job } of compute.watchJob({ jobId: bytes(permitId) })) {
        const state = platform.stateName(job?.state ?? 0);
        if (states.at(-1) !== state) states.push(state);
      }
    })();

    const done = await platform.reaches(permitId, "COMPLETED");
    await platform.expectRightResult(done);
    expect(done.tasksDone).toBe(done.tasksTotal);
    expect(done.tasksTotal).toBeGreaterThanOrEqual(6); // two map tasks at least and the reduce task, two replicas each
    // The job can be done before its last workers have heard that their outputs count.
    const counted = () => a.completed.length + b.completed.length;
    await expect.poll(counted, { timeout: 30_000 }).toBe(done.tasksTotal);
    expect(new Set(a.completed)).toEqual(new Set(b.completed)); // each did each task once
    expect(a.completed.length).toBe(new Set(a.completed).size);

    const post = {
      $case: "jobResultPosted" as const,
      value: {
        permitId: bytes(permitId),
        resultCommitment: done.resultCommitment,
        resultUri: done.resultUri,
        challengeEnds: 0n,
        poster: Buffer.alloc(20),
      },
    };
    const posted = await platform.emit(post);
    await platform.reaches(permitId, "COMMITTED");
    await platform.emit(post, { ...posted, stage: Stage.STAGE_RETRACTED });
    await platform.reaches(permitId, "COMPLETED");
    await platform.emit(post);
    await platform.reaches(permitId, "COMMITTED");
    const pay = {
      $case: "jobAccepted" as const,
      value: { permitId: bytes(permitId), releaseBy: 0n, computeShare: "0", authorShare: "0" },
    };
    const accepted = await platform.emit(pay);
    await platform.emit(pay, { ...accepted, stage: Stage.STAGE_FINALIZED });
    await platform.reaches(permitId, "SETTLED");
    await watching;
    compute.close();
    expect(states.at(-1)).toBe("SETTLED");
    await expect.poll(() => platform.told(permitId)).toEqual(twice("jobPlanned", "jobCompleted"));
    const history = (await platform.job(permitId))?.transitions.map(({ state }) => platform.stateName(state));
    expect(history).toEqual([
      "PERMITTED",
      "PLANNED",
      "RUNNING",
      "REDUCING",
      "COMPLETED",
      "COMMITTED",
      "COMPLETED",
      "COMMITTED",
      "SETTLED",
    ]);
  }, 120_000);

  it("is refused with the code that refuses, before any work", async () => {
    platform.facts.refusals.set("13", { code: "GRANT_EXPIRED", clause: 4 });
    const zeros = asDigest(`0x${"0".repeat(64)}`);
    const notHere = asDigest(`0x${"e".repeat(64)}`);
    const otherTrait = await platform.put(jobDocumentBytes(jobOf("height")));
    const otherPurpose = jobOf("affected", { duo: ["DUO:0000006"], statement: "which loci?" });
    const narrow = await narrowConsent();
    const noJson = await platform.put(Buffer.from("trait=affected"));
    const cases: [string, Parameters<Platform["issue"]>[0]][] = [
      ["GRANT_EXPIRED", { grantId: "13" }],
      ["ALGORITHM_UNKNOWN", { algorithmId: zeros }],
      ["MANIFEST_COMMITMENT_MISMATCH", { commitment: notHere }],
      ["DATASET_VERSION_UNKNOWN", { version: 2 }],
      ["TRAIT_UNKNOWN", { paramsHash: otherTrait }],
      ["PARAMS_MALFORMED", { paramsHash: noJson }],
      ["PURPOSE_MISMATCH", { paramsHash: await platform.put(jobDocumentBytes(otherPurpose)) }],
      ["NO_SEGMENT_ADMITTED", narrow],
      ["REGION_CONFLICT", { regionCode: toRegionCode("us") }],
    ];
    for (const [reason, terms] of cases) {
      const { permitId } = await platform.issue(terms);
      const job = await platform.reaches(permitId, "REJECTED");
      expect(job.reason).toBe(reason);
      const rule = reason === "PURPOSE_MISMATCH" || reason === "NO_SEGMENT_ADMITTED" ? 3 : undefined;
      if (rule !== undefined) expect(JSON.parse(job.factsJson)).toMatchObject({ clause: rule });
      expect(job.tasksTotal).toBe(0);
      await expect.poll(() => platform.told(permitId)).toEqual(twice("jobRejected"));
    }
    const { permitId } = await platform.issue({ paramsHash: notHere });
    await expect.poll(() => platform.job(permitId)).toBeDefined();
    const missing = await platform.reaches(permitId, "REJECTED");
    expect(missing.reason).toBe("OBJECT_MISSING");
  }, 120_000);

  it("waits while access cannot answer, and is planned when it can", async () => {
    platform.facts.down = true;
    const { permitId } = await platform.issue();
    await expect.poll(async () => (await platform.job(permitId))?.state).toBe(1);
    platform.facts.down = false;
    platform.clock.forward(20);
    await platform.reaches(permitId, "PLANNED", "RUNNING", "REDUCING", "COMPLETED");
    await expect.poll(() => platform.told(permitId).slice(0, 2)).toEqual(twice("jobPlanned"));
  }, 120_000);

  it("quotes what it would then run, and stores the parameters", async () => {
    const compute = platform.client();
    const quote = await compute.quoteJob({
      algorithmId: bytes(platform.algorithmId),
      datasets: [{ datasetId: "1", version: 0 }],
      paramsJson: JSON.stringify(jobOf("affected"), null, 2),
    });
    expect(`0x${Buffer.from(quote.paramsHash).toString("hex")}`).toBe(platform.paramsHash);
    const mebibytes = BigInt(Math.ceil(Number(quote.inputBytes) / 2 ** 20));
    expect(quote.computeFee).toBe(String(mebibytes * 5n * 2n)); // two replicas
    expect(quote.datasets[0]?.version).toBe(1);
    expect(quote.costModel).toMatch(/^cos-cost\/\d+$/);
    expect(quote.alternatives.map((a) => [a.name, a.lost])).toEqual([
      ["allele-counts", ""],
      ["case-control-counters (affected)", "NOT_PUBLISHED"],
    ]);
    const [taken] = quote.alternatives;
    expect(taken).toMatchObject({ tasks: quote.tasks, resultBytes: quote.resultBytes, runs: 3 }); // 120 rows, 54 a run
    expect(taken?.engines.map((e) => e.engine)).toEqual(["wasm", "native"]);
    expect(BigInt(taken?.computeFee ?? 0)).toBe(BigInt(Math.ceil(Number(taken?.inputBytes) / 2 ** 20)) * 10n);
    const { permitId } = await platform.issue();
    const job = await platform.reaches(permitId, "PLANNED", "RUNNING", "REDUCING", "COMPLETED");
    expect(Buffer.from(job.planDigest).equals(Buffer.from(quote.planDigest))).toBe(true);
    const refused = { algorithmId: bytes(platform.algorithmId), datasets: [{ datasetId: "1", version: 0 }] };
    await expect(
      compute.quoteJob({ ...refused, paramsJson: JSON.stringify(jobOf("height")) }),
    ).rejects.toMatchObject({
      status: "FAILED_PRECONDITION",
      code: "TRAIT_UNKNOWN",
    });
    const anyJob = JSON.stringify(jobOf("affected"));
    const { version } = await narrowConsent();
    await expect(
      compute.quoteJob({ ...refused, datasets: [{ datasetId: "1", version }], paramsJson: anyJob }),
    ).rejects.toMatchObject({ code: "NO_SEGMENT_ADMITTED" });
    await expect(compute.quoteJob({ ...refused, paramsJson: "[]" })).rejects.toMatchObject({
      status: "INVALID_ARGUMENT",
    });
    await expect(
      compute.quoteJob({ ...refused, datasets: [{ datasetId: "77", version: 0 }], paramsJson: anyJob }),
    ).rejects.toMatchObject({ status: "NOT_FOUND", code: "DATASET_UNKNOWN" });
    compute.close();
  }, 120_000);

  it("leaves a permit alone that names another operator", async () => {
    const other = await platform.issue({ operator: Buffer.alloc(20, 0x77) });
    const ours = await platform.issue();
    await platform.reaches(ours.permitId, "PLANNED", "RUNNING", "REDUCING", "COMPLETED");
    expect(await platform.job(other.permitId)).toBeUndefined();
  }, 120_000);

  it("answers nobody without the service token", async () => {
    const stranger = createGrpcClient(ComputeServiceService, platform.address());
    await expect(
      stranger.listJobs({ grantee: Buffer.alloc(0), datasetId: "", pageSize: 0 }),
    ).rejects.toMatchObject({
      status: "UNAUTHENTICATED",
    });
    stranger.close();
  }, 120_000);
});
