import { access, mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  assocRow,
  assocTsv,
  openPlink,
  plaintextAssoc,
  plaintextQassoc,
  qassocRow,
  qassocTsv,
  readTrait,
  selectSamples,
} from "@cos/genomics";
import { unwrap } from "@cos/protocol";
import { type RunningPlatform, startPlatform } from "@cos/standalone";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cosFor, type Ran } from "./cos-in-process.ts";
import { writeSmallCohort } from "./small-cohort.ts";

const people = { first: 260, later: 60 };
const passphrase = "a passphrase of the test";

let folder: string;
let running: RunningPlatform;
let owner: ReturnType<typeof cosFor>;
let researcher: ReturnType<typeof cosFor>;
let stranger: ReturnType<typeof cosFor>;
let files: Awaited<ReturnType<typeof writeSmallCohort>>;
let requestFile: string;
let firstPermit: string;

const at = (name: string): string => join(folder, name);
const text = (name: string): Promise<string> => readFile(at(name), "utf8");
const ok = (ran: Ran): Ran["json"] => {
  expect(ran.json, ran.stdout).not.toHaveProperty("error");
  expect(ran.code, ran.stdout).toBe(0);
  return ran.json;
};
const refusal = (ran: Ran): { code: string; clause: number | null } => {
  expect(ran.code).toBe(3);
  return ran.json.error as { code: string; clause: number | null };
};

type AuditRow = { event: string; fields: Record<string, unknown> };

/** Awaits a condition. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not happen within a minute");
}

/** The table that PLINK's rules give in the clear, for those who are not in `without`. */
async function inTheClear(
  bfile: string,
  trait: string,
  without: ReadonlySet<string> = new Set(),
): Promise<string> {
  const all = unwrap(await openPlink(bfile));
  const kept = all.samples.flatMap(({ id }, i) => (without.has(id) ? [] : [i]));
  const source = selectSamples(all, kept);
  const { trait: values } = unwrap(
    await readTrait(source, { file: files.pheno, column: trait, unmatched: "missing" }),
  );
  try {
    if (values.kind === "case-control") {
      const counts = unwrap(await plaintextAssoc(source, values));
      return assocTsv(counts.map((each, v) => assocRow(source.variants[v]!, each)));
    }
    const sums = unwrap(await plaintextQassoc(source, values));
    return qassocTsv(sums.map((each, v) => qassocRow(source.variants[v]!, each)));
  } finally {
    await all.close();
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-cli-"));
  files = await writeSmallCohort(folder, people);
  running = await startPlatform({ dataDir: at("platform"), workers: 2 });
  const common = { platform: running.platformFile, passphrase };
  for (const home of ["hospital", "university", "elsewhere"]) await mkdir(at(home));
  owner = cosFor({ home: at("hospital"), account: "owner", ...common });
  researcher = cosFor({ home: at("university"), account: "researcher", ...common });
  stranger = cosFor({ home: at("elsewhere"), account: "stranger", ...common });
  requestFile = at("request.json");
}, 180_000);

afterAll(async () => {
  await running?.stop();
  await rm(folder, { recursive: true, force: true });
}, 180_000);

describe("owner and researcher, through the command line", () => {
  it("makes accounts with identities", async () => {
    expect(ok(await owner("keys", "new"))).toMatchObject({ name: "owner", sbtId: "1" });
    ok(await owner("keys", "new", "--name", "steward", "--no-identity"));
    expect(ok(await researcher("keys", "new"))).toMatchObject({ sbtId: "2" });
    ok(await stranger("keys", "new"));
    expect((await owner("keys", "new")).json).toMatchObject({ error: { code: "ACCOUNT_EXISTS" } });
  });

  it("encrypts at home, and publishes only after a restore was tested", async () => {
    const encrypt = ["dataset", "encrypt", "--bfile", files.first, "--pheno", files.pheno];
    const traits = ["--pheno-name", "affected", "--pheno-name", "biomarker", "--unmatched", "missing"];
    const encrypted = ok(await owner(...encrypt, ...traits, "--out", at("encrypted")));
    expect(encrypted).toMatchObject({
      rowsPadded: 300,
      traits: [{ name: "affected" }, { name: "biomarker" }],
    });

    const early = refusal(await owner("dataset", "publish", at("encrypted")));
    expect(early.code).toBe("RESTORE_NOT_TESTED");
    ok(await owner("keys", "restore", "--check", encrypted.kit as string));
    const published = ok(await owner("dataset", "publish", at("encrypted")));
    expect(published).toMatchObject({ datasetId: "1", version: 1 });
    const again = ok(await owner("dataset", "publish", at("encrypted")));
    expect(again).toMatchObject({ datasetId: "1", version: 1, transaction: null });
  }, 240_000);

  it("asks, grants, quotes, and runs with the owner's relayed signature", async () => {
    const ask = ["access", "request", "--dataset", "1", "--statement", "what moves the trait"];
    ok(await researcher(...ask, "--out", requestFile));
    ok(await owner("access", "grant", "1", "--request-file", requestFile, "--max-runs", "5"));
    const job = ["--grant", "1", "--program", "allelic-association", "--trait", "affected"];
    expect(refusal(await researcher("job", "run", ...job)).code).toBe("NOT_AUTHORISED");
    const quote = ok(await researcher("job", "quote", ...job, "--out", at("draft.json")));
    expect(quote).toMatchObject({ quote: { fee: { total: "0" } } });
    ok(await owner("access", "authorise", at("draft.json"), "--out", at("authorisation.json")));
    const run = ok(await researcher("job", "run", "--authorisation", at("authorisation.json")));
    expect(run).toMatchObject({ job: { state: expect.stringMatching(/COMMITTED|SETTLED/) } });
    firstPermit = run.permitId as string;
  }, 240_000);

  it("opens exactly what PLINK's rules give in the clear, count for count", async () => {
    expect(ok(await owner("result", "verify", firstPermit))).toMatchObject({ assurance: "replicas" });
    const again = ok(await owner("result", "verify", firstPermit, "--recompute"));
    expect(again).toMatchObject({ assurance: "recomputed" });
    ok(await owner("result", "open", firstPermit, "--out", at("affected.assoc.tsv")));
    expect(await text("affected.assoc.tsv")).toBe(await inTheClear(files.first, "affected"));
    expect(await readdir(at("hospital/results"))).toEqual([]); // ciphertexts stay no longer than they are needed
    const other = await researcher("result", "open", firstPermit, "--out", at("stolen.tsv"));
    expect(refusal(other)).toMatchObject({ code: "NOT_OWNER", clause: 7 });
  }, 180_000);

  it("releases under the output policy, to the grantee alone", async () => {
    const release = ["result", "release", firstPermit, "--out", at("release.age")];
    expect(refusal(await owner(...release))).toMatchObject({ code: "APPROVAL_MISSING", clause: 7 });
    const done = ok(await owner(...release, "--approver", "steward"));
    const twice = ok(await owner(...release, "--approver", "steward"));
    expect(twice).toMatchObject({ tableDigest: done.tableDigest, transaction: done.transaction });
    expect((await stranger("result", "receive", at("release.age"), "--out", at("x.tsv"))).code).toBe(3);
    const received = ok(
      await researcher("result", "receive", at("release.age"), "--out", at("received.tsv")),
    );
    expect(received).toMatchObject({ released: done.released, transaction: done.transaction });
    const [header, ...lines] = (await text("received.tsv")).trimEnd().split("\n");
    expect(header).toBe("CHR\tSNP\tBP\tEA\tNEA\tEFFECT\tSE\tP\tN\tEAF");
    expect(lines).toHaveLength(done.released as number);
  }, 180_000);

  it("regresses a quantity at a fee, with a permit that the owner issues", async () => {
    const [account] = ok(await researcher("keys", "list")).accounts as { address: string }[];
    const ask = ["access", "request", "--dataset", "1", "--statement", "levels", "--out", at("second.json")];
    ok(await researcher(...ask));
    const fee = ["--fee", "1000", "--compute-bps", "2000", "--auto-authorise", "--region", "local"];
    ok(await owner("access", "grant", "2", "--request-file", at("second.json"), ...fee));
    const job = ["--grant", "2", "--program", "linear-regression", "--trait", "biomarker"];
    expect(refusal(await researcher("job", "run", ...job))).toMatchObject({
      code: "INSUFFICIENT_FEE",
      clause: 10,
    });
    const low = await researcher("job", "run", ...job, "--max-fee", "999");
    expect(refusal(low)).toMatchObject({ code: "INSUFFICIENT_FEE", clause: 10 });
    ok(await owner("credit", "--data", at("platform"), "--to", account?.address ?? "", "--amount", "5000"));
    const run = ok(await researcher("job", "run", ...job));
    expect(run).toMatchObject({ fee: "1000" });
    ok(await owner("result", "open", run.permitId as string, "--out", at("biomarker.qassoc.tsv")));
    ok(
      await owner(
        "result",
        "release",
        run.permitId as string,
        "--approver",
        "steward",
        "--out",
        at("fee.age"),
      ),
    );
    expect(ok(await owner("payout"))).toMatchObject({ amount: "800" });
    expect(refusal(await owner("payout"))).toMatchObject({ code: "NOTHING_TO_WITHDRAW", clause: 10 });
    expect(await text("biomarker.qassoc.tsv")).toBe(await inTheClear(files.first, "biomarker"));
  }, 240_000);

  it("appends people as a new segment, and counts everybody", async () => {
    const append = [
      "dataset",
      "append",
      "1",
      "--bfile",
      files.later,
      "--pheno",
      files.pheno,
      "--unmatched",
      "missing",
    ];
    const traits = ["--pheno-name", "affected", "--pheno-name", "biomarker"];
    ok(await owner(...append, ...traits, "--out", at("abandoned")));
    const blocked = await owner(...append, ...traits, "--out", at("appended"));
    expect(refusal(blocked).code).toBe("APPEND_PENDING");
    const appended = ok(await owner(...append, ...traits, "--discard-pending", "--out", at("appended")));
    ok(await owner("keys", "restore", "--check", appended.kit as string));
    expect(ok(await owner("dataset", "publish", at("appended")))).toMatchObject({
      datasetId: "1",
      version: 2,
    });
    const job = ["--grant", "1", "--program", "allelic-association", "--trait", "affected"];
    ok(await researcher("job", "quote", ...job, "--out", at("both.json")));
    const { permitId } = ok(await owner("access", "authorise", at("both.json"), "--send"));
    ok(await researcher("job", "watch", permitId as string));
    ok(await owner("result", "open", permitId as string, "--out", at("both.assoc.tsv")));
    expect(await text("both.assoc.tsv")).toBe(await inTheClear(files.all, "affected"));
    const release = [
      "result",
      "release",
      permitId as string,
      "--approver",
      "steward",
      "--out",
      at("both.age"),
    ];
    ok(await owner(...release));
  }, 240_000);

  it("withdraws people: rows gone, counts without them, and no release that differs by them", async () => {
    const gone = files.ids.slice(3, 6);
    const withdrawn = ok(await owner("dataset", "withdraw", "1", ...gone.flatMap((id) => ["--sample", id])));
    expect(withdrawn).toMatchObject({ people: 3, fromVersion: 2, toVersion: 3, allGone: true });
    expect((await owner("dataset", "withdraw", "1", "--sample", gone[0] as string)).code).toBe(4);

    const job = ["--grant", "1", "--program", "allelic-association", "--trait", "affected"];
    ok(await researcher("job", "quote", ...job, "--out", at("after.json")));
    const issued = ok(await owner("access", "authorise", at("after.json"), "--send"));
    const permit = issued.permitId as string;
    ok(await researcher("job", "watch", permit));
    ok(await owner("result", "open", permit, "--out", at("after.assoc.tsv")));
    expect(await text("after.assoc.tsv")).toBe(await inTheClear(files.all, "affected", new Set(gone)));

    const release = ["result", "release", permit, "--approver", "steward", "--out", at("differs.age")];
    expect(refusal(await owner(...release))).toMatchObject({ code: "COHORT_DIFFERS_BY_FEW", clause: 7 });
  }, 240_000);

  it("restores on an empty machine, and opens an old result there", async () => {
    ok(await owner("keys", "backup", "--out", at("kit.age")));
    const empty = cosFor({ home: at("new-machine"), platform: running.platformFile, passphrase });
    await mkdir(at("new-machine"));
    expect((await empty("result", "verify", firstPermit)).code).toBe(4);
    ok(await empty("keys", "restore", at("kit.age")));
    ok(await empty("result", "open", firstPermit, "--out", at("old.assoc.tsv")));
    expect(await text("old.assoc.tsv")).toBe(await text("affected.assoc.tsv"));
    const wrong = cosFor({
      home: at("new-machine"),
      platform: running.platformFile,
      passphrase: "another one",
    });
    expect(refusal(await wrong("keys", "restore", at("kit.age"))).code).toBe("WRONG_PASSPHRASE");
  }, 180_000);

  it("says no in words that name the clause", async () => {
    const job = ["--program", "allelic-association", "--trait", "affected"];
    ok(await owner("access", "revoke", "1"));
    expect(refusal(await researcher("job", "run", "--grant", "1", ...job))).toMatchObject({
      code: "GRANT_REVOKED",
      clause: 8,
    });
    const few = ["dataset", "encrypt", "--bfile", files.first, "--rows", "10", "--out", at("too-few")];
    expect(await owner(...few)).toMatchObject({
      code: 2,
      json: { error: { code: "ROW_PADDING_TOO_SMALL" } },
    });
    await expect(access(at("too-few"))).rejects.toMatchObject({ code: "ENOENT" });
    const unknown = await researcher(
      "job",
      "quote",
      "--grant",
      "2",
      "--program",
      "no-such-program",
      "--trait",
      "x",
    );
    expect(unknown).toMatchObject({ code: 4, json: { error: { code: "PROGRAM_UNKNOWN" } } });
    const trait = await researcher(
      "job",
      "quote",
      "--grant",
      "2",
      "--program",
      "allelic-association",
      "--trait",
      "x",
    );
    expect(refusal(trait).code).toBe("TRAIT_UNKNOWN");
    expect(await researcher("dataset", "show", "99")).toMatchObject({
      json: { error: { code: "DATASET_UNKNOWN" } },
    });
  }, 180_000);

  it("stops a job whose grant is revoked, refunds the fee, and leaves a trail that says so", async () => {
    ok(
      await researcher(
        "access",
        "request",
        "--dataset",
        "1",
        "--statement",
        "a third",
        "--out",
        at("third.json"),
      ),
    );
    const terms = [
      "--request-file",
      at("third.json"),
      "--fee",
      "1000",
      "--grace",
      "3600",
      "--auto-authorise",
    ];
    ok(await owner("access", "grant", "3", ...terms));
    expect(ok(await owner("doctor"))).toMatchObject({ healthy: true });
    await running.drainWorkers();
    const job = ["--grant", "3", "--program", "linear-regression", "--trait", "biomarker", "--no-wait"];
    const { permitId } = ok(await researcher("job", "run", ...job));
    ok(await owner("access", "revoke", "3"));
    const watched = await researcher("job", "watch", permitId as string);
    expect(refusal(watched)).toMatchObject({ code: expect.stringMatching(/REVOKED/) });
    const refund = await eventually(async () => {
      const { events } = ok(await researcher("audit", "--permit", permitId as string)) as {
        events: AuditRow[];
      };
      return events.find(({ event }) => event === "JobRefunded");
    });
    expect(refund.fields).toMatchObject({ reason: "revoked", refunded: "1000", workFee: "0" });
  }, 180_000);

  it("tells the whole story from the chain, and that the drained workers serve nobody", async () => {
    const trail = ok(await owner("audit", "--permit", firstPermit)).events as { event: string }[];
    const story = trail.map(({ event }) => event);
    for (const event of ["JobPermitIssued", "JobResultPosted", "JobAccepted", "JobReleased"]) {
      expect(story).toContain(event);
    }
    const looked = await owner("doctor");
    const checks = looked.json.checks as { name: string; level: string }[];
    expect(looked.code).toBe(5);
    expect(checks.filter(({ level }) => level === "bad").map(({ name }) => name)).toEqual([
      "worker 1",
      "worker 2",
      "region any",
      "region local",
    ]);
  }, 180_000);
});
