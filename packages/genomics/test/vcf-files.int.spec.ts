import { gzipSync } from "node:zlib";
import { unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openVcf, plaintextAssoc, toSource, withSexes } from "../src/index.ts";
import { arbitraryGenotypes } from "./arbitrary-genotypes.ts";
import { sharedData, sharedDataMissing } from "./shared-data.ts";
import { tempFolder } from "./temp-folder.ts";
import { vcf, vcfOf } from "./vcf-text.ts";

const { path, write } = await tempFolder();
const SIX = ["A", "B", "C", "D", "E", "F"];

async function codesOf(text: string | Uint8Array, options = {}): Promise<number[]> {
  const source = unwrap(await openVcf(await write("calls.vcf", text), options));
  const { codes } = unwrap(await source.readCalls(0, source.variants.length));
  await source.close();
  return [...codes];
}

describe("openVcf", () => {
  it("reads phased, unphased, haploid and missing calls as plink --vcf does", async () => {
    // The expected codes were read off plink 1.9: a haploid call is stored as homozygous.
    const line = "1 100 rs1 A G . . . GT 0/1 1|1 ./. 0 1 .";
    expect(await codesOf(vcf(SIX, [line]))).toEqual([2, 0, 1, 3, 0, 1]);
  });

  it("finds GT among other fields, wherever it stands, dropped trailing fields included", async () => {
    const lines = [
      "1 1 a A G . . . GT:DP 0/1:3 1:4 . 0 1/1 .:.",
      "1 2 b A G . . . DP:GT 3:0/1 4:1 . 5:0 6:1/1 .",
    ];
    expect(await codesOf(vcf(SIX, lines))).toEqual([2, 0, 1, 3, 0, 1, 2, 0, 1, 3, 0, 1]);
  });

  it("takes the leading phase mark of VCF 4.4", async () => {
    expect(await codesOf(vcf(["A", "B"], ["1 1 a A G . . . GT /0/1 |1"]))).toEqual([2, 0]);
  });

  it("splits a multi-allelic record into one variant per ALT", async () => {
    const text = vcf(SIX, ["1 50 m A G,T . . . GT 0/1 1/2 2/2 0 1 ./."]);
    const source = unwrap(await openVcf(await write("split.vcf", text)));
    const parentOfSplit = "1:50:A:G,T";
    expect(source.variants).toMatchObject([
      { id: "m", a1: "G", a2: "A", position: 50, parentOfSplit },
      { id: "m", a1: "T", a2: "A", position: 50, parentOfSplit },
    ]);
    expect(source.notes.splitRecords).toBe(1);
    expect([...unwrap(await source.readBlock(0, 2)).alleles]).toEqual([
      1, 1, 0, 0, 2, 0, /* T */ 0, 1, 2, 0, 0, 0,
    ]);
    expect([...unwrap(await source.readBlock(0, 2)).called]).toEqual([
      2, 2, 2, 2, 2, 0, /* T */ 2, 2, 2, 2, 2, 0,
    ]);
    await source.close();
  });

  it("counts half-missing calls as missing and says how many, or refuses them", async () => {
    const file = await write("half.vcf", vcf(["A", "B"], ["1 1 a A G . . . GT 0/. .|1"]));
    const source = unwrap(await openVcf(file));
    expect(source.notes.halfCalls).toBe(2);
    expect([...unwrap(await source.readCalls(0, 1)).codes]).toEqual([1, 1]);
    await source.close();
    expect(await openVcf(file, { halfCalls: "refuse" })).toMatchObject({
      ok: false,
      error: { code: "VCF_HALF_CALL", line: 3, column: 10 },
    });
  });

  it("takes a record without ALT, symbolic alleles, CRLF, lower case contigs and multi-valued INFO", async () => {
    const text = vcf(
      ["A"],
      ["chr1 1 . A . . . AC=1,2;DB GT 0/0", "CHRX 2 . A <DEL> . q10;s50 . GT 0/1", "mt 3 . A * . . . GT 1"],
    );
    const source = unwrap(await openVcf(await write("odd.vcf", text.replaceAll("\n", "\r\n"))));
    expect(source.variants.map(({ contig, a1, id }) => [contig.label, a1, id])).toEqual([
      ["1", "0", "."],
      ["23", "<DEL>", "."],
      ["26", "*", "."],
    ]);
    await source.close();
  });

  it("reads gzipped files, several members included", async () => {
    const text = vcf(["A"], ["1 1 a A G . . . GT 0/1"]);
    const half = text.length >> 1;
    const members = [text.slice(0, half), text.slice(half)].map((part) => gzipSync(part));
    expect(await codesOf(Buffer.concat(members))).toEqual([2]);
  });

  it("reads blocks from the file again where calls would not fit into memory", async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `1 ${i + 1} v${i} A G,T . . . GT 0/${i % 3} 1/2`);
    const file = await write("stream.vcf", vcf(["A", "B"], lines));
    const kept = unwrap(await openVcf(file));
    const streamed = unwrap(await openVcf(file, { memoryBytes: 0 }));
    const inOrder = await Promise.all([0, 20, 40, 60].map((first) => streamed.readCalls(first, 20)));
    const back = await streamed.readCalls(7, 9);
    expect(inOrder).toEqual(await Promise.all([0, 20, 40, 60].map((first) => kept.readCalls(first, 20))));
    expect(back).toEqual(await kept.readCalls(7, 9));
    await write("stream.vcf", "something else");
    expect(await streamed.readCalls(0, 1)).toMatchObject({ ok: false, error: { code: "FILE_CHANGED" } });
    await streamed.close();
  });

  const good = "1 1 a A G . . . GT 0/1";
  it.each([
    ["a missing version line", "#CHROM\tPOS\n", { code: "VCF_BAD_VERSION", line: 1 }],
    ["version 3", vcf(["A"], [good]).replace("v4.2", "v3.3"), { code: "VCF_BAD_VERSION", line: 1 }],
    ["an empty file", "", { code: "VCF_BAD_HEADER" }],
    ["data before the #CHROM line", "##fileformat=VCFv4.2\n1\t1\ta\n", { code: "VCF_BAD_HEADER", line: 2 }],
    ["a misnamed column", vcf(["A"], [good]).replace("POS", "POSITION"), { code: "VCF_BAD_HEADER", line: 2 }],
    ["no samples", vcf([], []), { code: "NO_SAMPLES" }],
    ["the same sample twice", vcf(["A", "B", "A"], []), { code: "DUPLICATE_SAMPLE", line: 2 }],
    ["no variants", vcf(["A"], []), { code: "NO_VARIANTS" }],
    [
      "too few columns",
      vcf(["A", "B"], [good]),
      { code: "VCF_BAD_LINE", line: 3, columns: 10, expected: "11" },
    ],
    ["too many columns", vcf(["A"], [good, `${good} 0/0`]), { code: "VCF_BAD_LINE", line: 4, columns: 11 }],
    [
      "a bad POS",
      vcf(["A"], [good, "1 1e3 a A G . . . GT 0/1"]),
      { code: "VCF_BAD_FIELD", line: 4, field: "POS" },
    ],
    [
      "a negative POS",
      vcf(["A"], ["1 -3 a A G . . . GT 0/1"]),
      { code: "VCF_BAD_FIELD", line: 3, field: "POS" },
    ],
    [
      "a REF that is no base",
      vcf(["A"], ["1 1 a Q G . . . GT 0/1"]),
      { code: "VCF_BAD_FIELD", line: 3, field: "REF" },
    ],
    [
      "an ALT equal to REF",
      vcf(["A"], ["1 1 a A a . . . GT 0/1"]),
      { code: "VCF_BAD_FIELD", line: 3, field: "ALT" },
    ],
    [
      "an ALT twice",
      vcf(["A"], ["1 1 a A G,G . . . GT 0/1"]),
      { code: "VCF_BAD_FIELD", line: 3, field: "ALT" },
    ],
    [
      "an ALT of markup",
      vcf(["A"], ["1 1 a A <b><i> . . . GT 0/1"]),
      { code: "VCF_BAD_FIELD", line: 3, field: "ALT" },
    ],
    [
      "a record without GT",
      vcf(["A"], ["1 1 a A G . . . DP 3"]),
      { code: "VCF_BAD_FIELD", line: 3, field: "FORMAT" },
    ],
    [
      "an unknown contig",
      vcf(["A"], ["chrUn_1 1 a A G . . . GT 0/1"]),
      { code: "UNKNOWN_CONTIG", line: 3, contig: "chrUn_1" },
    ],
    [
      "a GT of letters",
      vcf(["A", "B"], ["1 1 a A G . . . GT 0/1 a/b"]),
      { code: "VCF_BAD_GENOTYPE", line: 3, column: 11 },
    ],
    [
      "an allele beyond ALT",
      vcf(["A"], ["1 1 a A G . . . GT 0/2"]),
      { code: "VCF_BAD_GENOTYPE", line: 3, column: 10 },
    ],
    [
      "an ALT allele without ALT",
      vcf(["A"], ["1 1 a A . . . . GT 0/1"]),
      { code: "VCF_BAD_GENOTYPE", line: 3 },
    ],
    [
      "three alleles",
      vcf(["A"], ["1 1 a A G . . . GT 0/1/1"]),
      { code: "VCF_BAD_GENOTYPE", reason: "more than two alleles" },
    ],
    ["a GT that breaks off", vcf(["A"], ["1 1 a A G . . . GT 0/"]), { code: "VCF_BAD_GENOTYPE", line: 3 }],
    ["a negative allele", vcf(["A"], ["1 1 a A G . . . GT -1/0"]), { code: "VCF_BAD_GENOTYPE", line: 3 }],
  ])("refuses %s", async (_, text, expected) => {
    expect(await openVcf(await write("bad.vcf", text))).toMatchObject({ ok: false, error: expected });
  });

  it("refuses multi-allelic records by name when asked", async () => {
    const file = await write("multi.vcf", vcf(["A"], [good, "2 9 b A C,T . . . GT 1/2"]));
    expect(await openVcf(file, { multiallelic: "refuse" })).toMatchObject({
      ok: false,
      error: { code: "VCF_MULTIALLELIC", line: 4, record: "2:9:A:C,T" },
    });
  });

  it("refuses a line beyond the cap before holding it, also when it hides in a small gzip", async () => {
    const line = `1\t1\ta\tA\tG\t.\t.\t${"x".repeat(40 * 1024 * 1024)}`;
    const file = await write("bomb.vcf.gz", gzipSync(vcf(["A"], [good]) + line));
    expect(await openVcf(file)).toMatchObject({ ok: false, error: { code: "LINE_TOO_LONG", line: 4 } });
  });

  it("refuses more variants than allowed", async () => {
    const file = await write("many.vcf", vcf(["A"], [good, good, good]));
    expect(await openVcf(file, { maxVariants: 2 })).toMatchObject({
      ok: false,
      error: { code: "TOO_MANY_VARIANTS", line: 5 },
    });
  });

  it("refuses a gzip that ends early or was damaged", async () => {
    const whole = gzipSync(vcf(["A"], [good]));
    for (const bytes of [
      whole.subarray(0, whole.length - 9),
      Buffer.concat([whole.subarray(0, 30), Buffer.alloc(30, 7)]),
    ]) {
      expect(await openVcf(await write("cut.vcf.gz", bytes))).toMatchObject({
        ok: false,
        error: { code: "GZIP_DAMAGED" },
      });
    }
  });

  it("leaves Object alone whatever a header names its keys", async () => {
    const hostile = ["##__proto__=<ID=polluted,Number=1>", "##INFO=<ID=__proto__,Number=1,Type=String>"];
    unwrap(
      await openVcf(await write("proto.vcf", vcf(["A"], ["1 1 a A G . . __proto__=1 GT 0/1"], hostile))),
    );
    expect("polluted" in {}).toBe(false);
  });
});

/** BGZF: gzip members with a BC field, then the empty block (SAM specification, section 4.1). */
function bgzf(text: string): Buffer {
  const eof = Buffer.from("1f8b08040000000000ff0600424302001b0003000000000000000000", "hex");
  const plain = gzipSync(text);
  const deflated = plain.subarray(10); // after the fixed header, which has no optional fields
  const header = Buffer.from("1f8b08040000000000ff060042430200", "hex");
  const size = Buffer.alloc(2);
  size.writeUInt16LE(header.length + 2 + deflated.length - 1);
  return Buffer.concat([header, size, deflated, eof]);
}

describe("BGZF", () => {
  it("is read, and refused when its last block is missing", async () => {
    const whole = bgzf(vcf(["A"], ["1 1 a A G . . . GT 0/1"]));
    expect(await codesOf(whole)).toEqual([2]);
    const cut = await write("cut.vcf.gz", whole.subarray(0, whole.length - 28));
    expect(await openVcf(cut)).toMatchObject({ ok: false, error: { code: "GZIP_DAMAGED" } });
  });
});

it("a VCF and a PLINK file of the same calls give the same counts", async () => {
  await fc.assert(
    fc.asyncProperty(arbitraryGenotypes(), async (reader) => {
      const plink = toSource(reader);
      const sexes = plink.samples.map(({ sex }) => sex);
      const opened = unwrap(await openVcf(await write("same.vcf", await vcfOf(plink))));
      const vcfSource = unwrap(withSexes(opened, sexes));
      const trait = {
        kind: "case-control",
        name: "t",
        status: Uint8Array.from(sexes, (_, i) => i % 3),
      } as const;
      expect(unwrap(await plaintextAssoc(vcfSource, trait))).toEqual(
        unwrap(await plaintextAssoc(plink, trait)),
      );
      const count = plink.variants.length;
      expect(await vcfSource.readBlock(0, count)).toEqual(await plink.readBlock(0, count));
    }),
    { numRuns: 50 },
  );
});

it("withSexes refuses another number of sexes", async () => {
  const source = unwrap(await openVcf(await write("sex.vcf", vcf(["A", "B"], ["X 1 a A G . . . GT 1 0"]))));
  expect(withSexes(source, ["male"])).toMatchObject({ ok: false, error: { code: "SEX_COUNT_MISMATCH" } });
});

it("BRCA1 of three people of the 1000 Genomes Project", async ({ skip }) => {
  if (sharedDataMissing !== null) skip(sharedDataMissing);
  const file = sharedData("brca1_1kgp3_3samples.vcf.gz");
  expect(await openVcf(file)).toMatchObject({
    ok: false,
    error: { code: "UNKNOWN_CONTIG", contig: "ref_brca1" },
  });
  const source = unwrap(await openVcf(file, { unknownContigs: "keep" }));
  // zcat | grep: 2,052 records, 6 of them with two ALTs; 3 calls are .|. and lie on records with one ALT
  expect(source.samples.map(({ id }) => id)).toEqual(["HG00096", "HG00099", "HG00101"]);
  expect(source.variants).toHaveLength(2_058);
  expect(source.notes).toMatchObject({ splitRecords: 6, halfCalls: 0 });
  const { codes } = unwrap(await source.readCalls(0, 2_058));
  expect(codes.filter((code) => code === 1)).toHaveLength(3);
  const record = source.variants.findIndex(({ id }) => id === "rs8176320");
  expect([...unwrap(await source.readBlock(record, 1)).called]).toEqual([0, 2, 2]);
  await source.close();
});

it("a missing file is named", async () => {
  expect(await openVcf(path("nowhere.vcf"))).toMatchObject({
    ok: false,
    error: { code: "FILE_UNREADABLE", file: path("nowhere.vcf"), reason: "ENOENT" },
  });
});
