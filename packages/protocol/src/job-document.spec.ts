import { createHash } from "node:crypto";
import { keccak256, toUtf8Bytes } from "ethers";
import { describe, expect, it } from "vitest";
import { asDigest } from "./ids.ts";
import { checkJobDocument, type JobDocument, paramsHashOf, parseJobDocument } from "./job-document.ts";
import { purposeHash, statedPurposeHash, statePurpose } from "./purpose.ts";

const purpose = { duo: ["DUO:0000042", "DUO:0000006", "DUO:0000042"], statement: "which loci?" };
const job: JobDocument = {
  format: "cos-job/1",
  params: { trait: "tufted" },
  purpose: statePurpose(purpose),
};
const other = asDigest(`0x${"12".repeat(32)}`);

describe("a stated purpose", () => {
  it("shows the codes, once each and in order, and not the words", () => {
    expect(job.purpose.duo).toEqual(["DUO:0000006", "DUO:0000042"]);
    expect(JSON.stringify(job)).not.toContain("loci");
    expect(job.purpose.statementDigest).toBe(keccak256(toUtf8Bytes('"which loci?"')));
  });

  it("has the hash of the whole purpose, whatever the order of its codes", () => {
    const text = `{"duo":["DUO:0000006","DUO:0000042"],"statementDigest":"${job.purpose.statementDigest}"}`;
    expect(purposeHash(purpose)).toBe(keccak256(toUtf8Bytes(text)));
    const reversed = { ...job.purpose, duo: [...job.purpose.duo].reverse() };
    expect(statedPurposeHash(reversed)).toBe(purposeHash(purpose));
    expect(purposeHash({ ...purpose, statement: "which genes?" })).not.toBe(purposeHash(purpose));
  });
});

describe("a job document", () => {
  const permit = { paramsHash: paramsHashOf(job), purposeHash: purposeHash(purpose) };

  it("is named by the SHA-256 of its canonical JSON", () => {
    const text = `{"format":"cos-job/1","params":{"trait":"tufted"},"purpose":{"duo":["DUO:0000006","DUO:0000042"],"statementDigest":"${job.purpose.statementDigest}"}}`;
    expect(permit.paramsHash).toBe(`0x${createHash("sha256").update(text).digest("hex")}`);
    expect(parseJobDocument(text)).toEqual({ ok: true, value: job });
  });

  it("is the permit's only with its parameters and the granted purpose", () => {
    expect(checkJobDocument(job, permit).ok).toBe(true);
    const changed = { ...job, params: { trait: "length" } };
    expect(checkJobDocument(changed, permit)).toMatchObject({ error: { code: "PARAMS_MISMATCH" } });
    expect(checkJobDocument(job, { ...permit, purposeHash: other })).toMatchObject({
      error: { code: "PURPOSE_MISMATCH", clause: 3, expected: other },
    });
  });

  it.each([
    ["no JSON", "trait=tufted", ""],
    ["parameters without a purpose", JSON.stringify({ format: "cos-job/1", params: {} }), "purpose"],
    ["a number as a parameter", JSON.stringify({ ...job, params: { trait: 1 } }), "params.trait"],
    [
      "a code that is none",
      JSON.stringify({ ...job, purpose: { ...job.purpose, duo: ["GRU"] } }),
      "purpose.duo.0",
    ],
    ["no code at all", JSON.stringify({ ...job, purpose: { ...job.purpose, duo: [] } }), "purpose.duo"],
  ])("refuses %s", (_, text, field) => {
    expect(parseJobDocument(text)).toMatchObject({ error: { code: "PARAMS_MALFORMED", field } });
  });

  it("refuses more parameters than a program can have, and a text that is too long", () => {
    const many = (n: number) => ({
      ...job,
      params: Object.fromEntries(Array.from({ length: n }, (_, i) => [`p${i}`, "x"])),
    });
    expect(parseJobDocument(JSON.stringify(many(64))).ok).toBe(true);
    expect(parseJobDocument(JSON.stringify(many(65))).ok).toBe(false);
    expect(parseJobDocument(`${" ".repeat(100_000)}{}`).ok).toBe(false);
  });
});
