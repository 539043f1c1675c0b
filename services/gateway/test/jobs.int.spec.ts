import { randomBytes } from "node:crypto";
import { Job, JobState } from "@cos/proto/compute";
import { RpcFault } from "@cos/service-host";
import { Wallet } from "ethers";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bytesOf, GatewayHarness, refusalOf } from "./gateway-harness.ts";

const harness = new GatewayHarness();
const [owner, grantee, stranger] = [Wallet.createRandom(), Wallet.createRandom(), Wallet.createRandom()];
const jobId = randomBytes(32);
const job = (state: JobState): Job =>
  Job.fromPartial({ jobId, state, grantee: bytesOf(grantee.address), datasetIds: ["3", "1"] });

let callers: Record<"owner" | "grantee" | "stranger", { authorization: string }>;

beforeAll(async () => {
  await harness.start();
  harness.access.setDataset({ datasetId: "1", owner: bytesOf(owner.address) });
  harness.access.setDataset({ datasetId: "3", owner: bytesOf(Wallet.createRandom().address) });
  harness.orchestrator.jobs.set(jobId.toString("hex"), job(JobState.JOB_STATE_RUNNING));
  callers = {
    owner: await harness.signIn(owner),
    grantee: await harness.signIn(grantee),
    stranger: await harness.signIn(stranger),
  };
});
afterAll(() => harness.stop());
beforeEach(() => {
  harness.orchestrator.listed.length = 0;
});

describe("GetJob", () => {
  it.each([
    ["grantee", "OK"],
    ["owner", "OK"],
    ["stranger", "NOT_FOUND"],
  ] as const)("for the %s: %s", async (who, outcome) => {
    const call = harness.jobs.getJob({ jobId }, { metadata: callers[who] });
    expect(
      await call.then(
        ({ job: found }) => (found !== undefined && jobId.equals(found.jobId) ? "OK" : "?"),
        (e) => e.code,
      ),
    ).toBe(outcome);
  });

  it("wants a session and 32 bytes", async () => {
    expect(await refusalOf(harness.jobs.getJob({ jobId }))).toBe("SESSION_INVALID");
    const call = harness.jobs.getJob({ jobId: Buffer.alloc(31) }, { metadata: callers.owner });
    expect(await refusalOf(call)).toBe("INVALID_FIELD");
  });
});

describe("ListJobs", () => {
  const list = async (who: keyof typeof callers, datasetId: string) =>
    (await harness.jobs.listJobs({ datasetId, pageSize: 0 }, { metadata: callers[who] })).jobs.length;

  it("without a dataset: the caller's own", async () => {
    expect([await list("grantee", ""), await list("owner", ""), await list("stranger", "")]).toEqual([
      1, 0, 0,
    ]);
    expect(
      harness.orchestrator.listed.every(({ grantee: g, pageSize }) => g.length === 20 && pageSize === 50),
    ).toBe(true);
  });

  it("of a dataset: all for its owner, their own for others", async () => {
    expect([await list("owner", "1"), await list("grantee", "1"), await list("stranger", "1")]).toEqual([
      1, 1, 0,
    ]);
    expect(await list("owner", "3")).toBe(0);
  });

  it("no longer all for an owner who has yet to confirm", async () => {
    harness.access.setDataset({ datasetId: "1", owner: bytesOf(owner.address), suspended: true });
    expect(await list("owner", "1")).toBe(0);
    harness.access.setDataset({ datasetId: "1", owner: bytesOf(owner.address) });
  });

  it("bounds the page", async () => {
    const call = harness.jobs.listJobs({ datasetId: "", pageSize: 201 }, { metadata: callers.owner });
    expect(await refusalOf(call)).toBe("INVALID_FIELD");
  });
});

describe("WatchJob", () => {
  const watch = async (who: keyof typeof callers): Promise<JobState[]> => {
    const states: JobState[] = [];
    for await (const { job: seen } of harness.jobs.watchJob({ jobId }, { metadata: callers[who] })) {
      if (seen !== undefined) states.push(seen.state);
    }
    return states;
  };

  it("streams every change to a party, in order, and ends", async () => {
    const states = [JobState.JOB_STATE_RUNNING, JobState.JOB_STATE_COMPLETED, JobState.JOB_STATE_SETTLED];
    harness.orchestrator.watched = states.map(job);
    expect(await watch("owner")).toEqual(states);
    expect(await watch("grantee")).toEqual(states);
  });

  it("shows a stranger nothing", async () => {
    expect(await refusalOf(watch("stranger"))).toBe("NOT_FOUND");
  });
});

describe("QuoteJob", () => {
  const quote = (changes = {}) =>
    harness.jobs.quoteJob(
      {
        quote: {
          algorithmId: randomBytes(32),
          datasets: [{ datasetId: "1", version: 0 }],
          paramsJson: '{"trait":"tufted"}',
          ...changes,
        },
      },
      { metadata: callers.grantee },
    );

  it("hands on the orchestrator's answer and its refusals, codes and facts included", async () => {
    expect((await quote()).quote?.tasks).toBe(7);
    harness.orchestrator.refuseQuote = new RpcFault("FAILED_PRECONDITION", "SUM_TOO_LARGE", {
      maxSum: "12290",
    });
    await expect(quote()).rejects.toMatchObject({
      status: "FAILED_PRECONDITION",
      code: "SUM_TOO_LARGE",
      facts: { maxSum: "12290" },
    });
    harness.orchestrator.refuseQuote = new RpcFault("UNAVAILABLE", "UNAVAILABLE");
    await expect(quote()).rejects.toMatchObject({
      status: "UNAVAILABLE",
      facts: { service: "orchestrator" },
    });
    harness.orchestrator.refuseQuote = undefined;
  });

  it.each<[string, object]>([
    ["quote.algorithm_id", { algorithmId: Buffer.alloc(4) }],
    ["quote.params_json", { paramsJson: "" }],
    ["quote.params_json", { paramsJson: "x".repeat(65_537) }],
    ["quote.datasets", { datasets: [] }],
    ["quote.datasets.dataset_id", { datasets: [{ datasetId: "one", version: 0 }] }],
  ])("names the bad field: %s", async (field, changes) => {
    await expect(quote(changes)).rejects.toMatchObject({ status: "INVALID_ARGUMENT", facts: { field } });
  });
});
