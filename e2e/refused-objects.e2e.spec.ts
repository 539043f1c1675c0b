import { copyFile, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatasetFolder, getJob, openCohort, publishDataset, waitForJob } from "@cos/client";
import type { Party } from "@cos/demo";
import { TicketKind } from "@cos/proto/gateway";
import { asDigest, type Digest, digestOfBytes, manifestBytes, signTicketRedemption } from "@cos/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { patience } from "./support/patience.ts";
import { refusalOf } from "./support/refusal-of.ts";
import { type Dataset, Scene } from "./support/scene.ts";
import { type SmallCohort, smallCohort } from "./support/small-cohort.ts";

let scene: Scene;
let small: SmallCohort;
let dataset: Dataset;
let other: Dataset;

beforeAll(async () => {
  scene = await Scene.open();
  small = await smallCohort(scene.dir);
  dataset = await scene.publish(small.files);
  other = await scene.publish((await smallCohort(scene.dir, { seed: 2 })).files);
}, patience);
afterAll(() => scene?.close());

describe("tickets", () => {
  const buy = async ({ client, account }: Party) => {
    const session = client.session(account);
    const want = { kind: TicketKind.TICKET_KIND_UPLOAD, datasetId: "", version: 0, grantId: "", opMask: 0 };
    const none = { sessionId: Buffer.alloc(0), purposeHash: Buffer.alloc(0), permitId: Buffer.alloc(0) };
    const issued = await client.services.tickets.issueTicket(
      { ...want, ...none, maxBytes: 1_000n },
      await session.metadata(),
    );
    return { ticket: issued.ticket, ticketId: asDigest(`0x${Buffer.from(issued.ticketId).toString("hex")}`) };
  };

  it("work once: a replay is refused", async () => {
    const { client, account } = scene.hospital;
    const { ticket, ticketId } = await buy(scene.hospital);
    await client.transfers.redeem(client.session(account), ticket, ticketId);
    expect(await refusalOf(client.transfers.redeem(client.session(account), ticket, ticketId))).toMatchObject(
      {
        code: "TICKET_REPLAYED",
        facts: { ticketId },
      },
    );
  });

  it("work for their holder alone, and a thief's try does not use them up", async () => {
    const { ticket, ticketId } = await buy(scene.hospital);
    const { client, account } = scene.researcher;
    const stolen = client.transfers.redeem(client.session(account), ticket, ticketId);
    expect(await refusalOf(stolen)).toMatchObject({ code: "TICKET_NOT_YOURS" });
    const { hospital } = scene;
    await hospital.client.transfers.redeem(hospital.client.session(hospital.account), ticket, ticketId);
  });

  it("work for 900 s: at 901 s one is refused", async () => {
    const { client, account } = scene.hospital;
    const { ticket, ticketId } = await buy(scene.hospital);
    await scene.platform.shiftClock(901);
    try {
      const proofIssuedAt = Math.floor(Date.now() / 1000) + 901;
      const audience = JSON.parse(Buffer.from(ticket.split(".")[1] ?? "", "base64url").toString())
        .aud as string;
      const chainId = BigInt(scene.platform.platform.chain.chainId);
      const proof = await signTicketRedemption(account.wallet, chainId, {
        ticketId,
        audience,
        issuedAt: proofIssuedAt,
      });
      const late = client.services.tickets.redeemTicket(
        { ticket, proof: Buffer.from(proof.slice(2), "hex"), proofIssuedAt: BigInt(proofIssuedAt) },
        await scene.newClient().session(account).metadata(),
      );
      await expect(late).rejects.toMatchObject({
        code: "TICKET_EXPIRED",
        facts: { now: expect.any(Number) },
      });
    } finally {
      await scene.platform.shiftClock(-901);
    }
  });
});

describe("objects", () => {
  it("are not stored under a name that is not their digest", async () => {
    const { client, account } = scene.hospital;
    const bytes = new Uint8Array(64).fill(7);
    const transfer = await client.transfers.open(client.session(account), {
      kind: TicketKind.TICKET_KIND_UPLOAD,
      maxBytes: 1_000n,
    });
    const digest = digestOfBytes(new Uint8Array(64).fill(8));
    const refused = await refusalOf(client.transfers.upload(transfer, [{ digest, sizeBytes: 64, bytes }]));
    expect(refused).toMatchObject({ kind: "integrity", code: "DIGEST_MISMATCH" });
    expect(await client.transfers.has(transfer, digest)).toBe(false);
  });

  it("are not published when one of them is cut off", async () => {
    const dir = join(scene.dir, "truncated");
    const folder = await copyOf(dataset, dir);
    const [first] = await readdir(join(dir, "objects"));
    await truncate(join(dir, "objects", first ?? ""), 100);
    const { hospital } = scene;
    await writeFile(join(dir, "manifest.json"), manifestBytes((await folder.readManifest()).manifest));
    const refused = await refusalOf(publishDataset(hospital.client, hospital.home, hospital.account, dir));
    expect(refused).toMatchObject({ kind: "integrity", facts: { actualBytes: 100 } });
  });

  it(
    "that somebody changed in the store end the job by name, and the fee goes back",
    async () => {
      const { manifest } = await new DatasetFolder(dataset.dir).readManifest();
      const block = manifest.arrays[0]?.blocks[0]?.object.digest ?? "";
      const file = await storedFile(asDigest(block));
      const before = await readFile(file);
      const after = Buffer.from(before);
      after[after.length - 1]! ^= 1;
      await writeFile(file, after);
      try {
        await expectFailedJob(dataset, /DIGEST|TAMPERED|MISMATCH/);
      } finally {
        await writeFile(file, before);
      }
    },
    patience,
  );

  it(
    "under another key than the dataset's end the job by name, and the fee goes back",
    async () => {
      const dir = join(scene.dir, "mixed");
      await copyOf(other, dir);
      const { manifest } = await new DatasetFolder(dir).readManifest();
      const stranger = await new DatasetFolder(dataset.dir).readManifest();
      const mixed = structuredClone(manifest);
      const block = mixed.arrays[0]?.blocks[0];
      const foreign = stranger.manifest.arrays[0]?.blocks[0]?.object;
      if (block === undefined || foreign === undefined) throw new TypeError("both datasets have blocks");
      Object.assign(block, { object: foreign });
      await copyFile(
        join(dataset.dir, "objects", foreign.digest.slice(2)),
        join(dir, "objects", foreign.digest.slice(2)),
      );
      const version = {
        ...mixed.version,
        n: 2,
        parent: other.published.manifestCommitment,
        reason: "correct" as const,
      };
      await writeFile(join(dir, "manifest.json"), manifestBytes({ ...mixed, version }));
      const { hospital } = scene;
      const published = await publishDataset(hospital.client, hospital.home, hospital.account, dir);
      expect(published).toMatchObject({ datasetId: other.datasetId, version: 2 });
      await expectFailedJob(other, /CONTEXT_MISMATCH/);
    },
    patience,
  );
});

describe("files", () => {
  it.each([
    ["a VCF with a bad genotype", "vcf", /line 3/],
    ["a BED that is cut off", "bed", /byte/],
    ["a TSV with a short line", "tsv", /line 3/],
  ])("%s is refused with the place", async (_, kind, place) => {
    const dir = join(scene.dir, `bad-${kind}`);
    const { files, cohort } = await smallCohort(dir);
    if (kind === "bed") await truncate(`${files.bfile}.bed`, 50);
    const people = cohort.source.samples.map(({ id }) => id);
    const vcf = join(dir, "bad.vcf");
    const columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", ...people];
    const calls = people.map((_id, i) => (i === 5 ? "0/x" : "0/1"));
    const record = ["1", "100", "rs1", "A", "G", ".", ".", ".", "GT", ...calls];
    await writeFile(vcf, `##fileformat=VCFv4.2\n${columns.join("\t")}\n${record.join("\t")}\n`);
    if (kind === "tsv") {
      const lines = (await readFile(files.pheno, "utf8")).split("\n");
      lines[2] = lines[2]?.split("\t").slice(0, 2).join("\t") ?? "";
      await writeFile(files.pheno, lines.join("\n"));
    }
    const { bfile, ...rest } = files;
    const refused = await refusalOf(
      openCohort(kind === "vcf" ? { ...rest, vcf } : { ...rest, bfile }).then(readAll),
    );
    expect(refused.kind).toBe("usage");
    expect(refused.message).toMatch(place);
    for (const id of people) expect(refused.message).not.toContain(id);
  });

  it("phenotypes of other people are refused, with counts and without names", async () => {
    const dir = join(scene.dir, "other-people");
    const { files } = await smallCohort(dir);
    const text = await readFile(files.pheno, "utf8");
    await writeFile(files.pheno, text.replaceAll("SIM000001", "SOMEBODY"));
    const refused = await refusalOf(openCohort(files));
    expect(refused).toMatchObject({
      kind: "usage",
      code: "SAMPLES_DO_NOT_MATCH",
      facts: { matched: 239, onlyGenotyped: 1, onlyPhenotyped: 1 },
    });
    expect(JSON.stringify({ ...refused.facts, message: refused.message })).not.toContain("SOMEBODY");
  });
});

/** Reads genotypes too: a reader meets some faults only then. */
async function readAll({ source }: Awaited<ReturnType<typeof openCohort>>): Promise<void> {
  try {
    await source.readBlock(0, source.variants.length);
  } finally {
    await source.close();
  }
}

async function copyOf(from: Dataset, dir: string): Promise<DatasetFolder> {
  const folder = new DatasetFolder(dir);
  await folder.create();
  await copyFile(join(from.dir, "manifest.json"), join(dir, "manifest.json"));
  for (const name of await readdir(join(from.dir, "objects"))) {
    await copyFile(join(from.dir, "objects", name), join(dir, "objects", name));
  }
  return folder;
}

async function storedFile(digest: Digest): Promise<string> {
  const folder = join(scene.platformOptions.dataDir, "objects", "store");
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.name === digest.slice(2)) return join(entry.parentPath, entry.name);
  }
  throw new Error("the store holds no such object");
}

async function expectFailedJob({ datasetId }: Dataset, reason: RegExp): Promise<void> {
  const { researcher } = scene;
  const { grantId } = await scene.grant(datasetId, { ...scene.paid(), graceSeconds: 0 });
  await scene.credit(researcher.account.address, 10_000n);
  const draft = await scene.draft(datasetId, grantId, small.trait);
  const { permitId } = await scene.issue(draft, datasetId);
  const { client, account } = researcher;
  await refusalOf(waitForJob(client, account, permitId, "COMPLETED", undefined, 120_000));
  const job = await getJob(client, account, permitId);
  expect(job).toMatchObject({ state: "FAILED", reason: expect.stringMatching(reason), resultUri: "" });
  await expect
    .poll(async () => (await client.chain.findEvents("JobPermits", "JobRefunded", [permitId])).length, {
      timeout: 60_000,
    })
    .toBe(1);
  const balance = await client.chain.read<bigint>("Settlement", "balanceOf", [
    draft.terms.feeToken,
    account.address,
  ]);
  expect(balance % 10_000n).toBe(0n);
  expect(balance).toBeGreaterThan(0n);
}
