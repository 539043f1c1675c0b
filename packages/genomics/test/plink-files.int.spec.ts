import { mkdir, readFile, rm } from "node:fs/promises";
import { unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openPlink, selectSamples, toSource, writePlink } from "../src/index.ts";
import { arbitraryGenotypes } from "./arbitrary-genotypes.ts";
import { tempFolder } from "./temp-folder.ts";

const { path, write } = await tempFolder();

const FAM = "F1 A 0 0 1 -9\nF1 B 0 0 2 -9\nF2 A F1 0 0 -9\nF3 C 0 0 5 1\nF4 D 0 0 1 2\n";
const BIM = "1\trs1\t0\t100\tA\tG\n23\trs2\t0.5\t200\tC\t0\n";
/** A: hom A1, B: missing, F2 A: het, C: hom A2, D: het; then D, C, ... the other way round. */
const BED = Uint8Array.of(0x6c, 0x1b, 1, 0b11_10_01_00, 0b10, 0b00_01_10_11, 0b11);

async function plinkFiles(name: string, { fam = FAM, bim = BIM, bed = BED } = {}): Promise<string> {
  await write(`${name}.fam`, fam);
  await write(`${name}.bim`, bim);
  await write(`${name}.bed`, bed);
  return path(name);
}

describe("openPlink", () => {
  it("reads people, variants and calls", async () => {
    const source = unwrap(await openPlink(await plinkFiles("good")));
    expect(source.samples.map(({ familyId, id, sex, founder }) => [familyId, id, sex, founder])).toEqual([
      ["F1", "A", "male", true],
      ["F1", "B", "female", true],
      ["F2", "A", "unknown", false],
      ["F3", "C", "unknown", true],
      ["F4", "D", "male", true],
    ]);
    expect(
      source.variants.map(({ contig, position, a1, a2 }) => [contig.label, contig.name, position, a1, a2]),
    ).toEqual([
      ["1", "1", 100, "A", "G"],
      ["23", "X", 200, "C", "0"],
    ]);
    expect([...unwrap(await source.readCalls(0, 2)).codes]).toEqual([0, 1, 2, 3, 2, 3, 2, 1, 0, 3]);
    await source.close();
  });

  it("applies ploidy: one allele for a man's X, his heterozygous call missing", async () => {
    const source = unwrap(
      await openPlink(
        await plinkFiles("ploidy", { bed: Uint8Array.of(0x6c, 0x1b, 1, 228, 2, 0b00_11_10_10, 0) }),
      ),
    );
    const block = unwrap(await source.readBlock(0, 2));
    expect([...block.alleles]).toEqual([2, 0, 1, 0, 1, /* X */ 0, 1, 0, 2, 1]);
    expect([...block.called]).toEqual([2, 0, 2, 2, 2, /* X */ 0, 2, 2, 2, 1]);
    expect([...block.hom]).toEqual([1, 0, 0, 0, 0, /* X */ 0, 0, 0, 1, 0]);
    expect([...block.dosage]).toEqual([2, 0, 1, 0, 1, /* X */ 0, 1, 0, 2, 2]);
    expect((await source.readBlock(1, 1)).ok && unwrap(await source.readBlock(1, 1)).called).toEqual(
      block.called.slice(5),
    );
    await source.close();
  });

  it("throws for variants outside the file, a bug of the caller", async () => {
    const source = unwrap(await openPlink(await plinkFiles("range")));
    await expect(source.readBlock(1, 2)).rejects.toThrow(RangeError);
    await expect(source.readCalls(-1, 1)).rejects.toThrow(RangeError);
    await source.close();
  });

  it.each([
    ["an empty .bed", { bed: BED.slice(0, 0) }, { code: "BED_TRUNCATED", byteOffset: 0 }],
    [
      "a wrong magic number",
      { bed: Uint8Array.of(0x6c, 0x1c, ...BED.slice(2)) },
      { code: "BED_BAD_MAGIC", byteOffset: 0 },
    ],
    [
      "sample-major mode",
      { bed: Uint8Array.of(0x6c, 0x1b, 0, ...BED.slice(3)) },
      { code: "BED_NOT_VARIANT_MAJOR", byteOffset: 2, mode: 0 },
    ],
    [
      "a truncated .bed",
      { bed: BED.slice(0, 6) },
      { code: "BED_TRUNCATED", byteOffset: 6, expectedBytes: 7, actualBytes: 6 },
    ],
    ["bytes behind the end", { bed: Uint8Array.of(...BED, 0) }, { code: "BED_TOO_LONG", byteOffset: 7 }],
    ["too few .bim columns", { bim: `${BIM}1\trs3\t0\t5\n` }, { code: "BIM_BAD_LINE", line: 3, columns: 4 }],
    [
      "a .bim position that is no number",
      { bim: "1 rs1 0 12x A G\n" },
      { code: "BIM_BAD_FIELD", line: 1, field: "position" },
    ],
    [
      "a negative .bim position",
      { bim: `${BIM}1 rs1 0 -4 A G\n` },
      { code: "BIM_BAD_FIELD", line: 3, field: "position" },
    ],
    ["a position beyond 2^31-2", { bim: "1 rs1 0 2147483647 A G\n" }, { code: "BIM_BAD_FIELD", line: 1 }],
    ["two equal alleles", { bim: "1 rs1 0 1 A A\n" }, { code: "BIM_BAD_FIELD", line: 1, field: "allele" }],
    [
      "an unknown contig",
      { bim: "1 rs1 0 1 A C\n27 x 0 1 A C\n" },
      { code: "UNKNOWN_CONTIG", line: 2, contig: "27", species: "human" },
    ],
    ["an empty .bim", { bim: "" }, { code: "NO_VARIANTS" }],
    ["an empty .fam", { fam: "\n" }, { code: "NO_SAMPLES" }],
    ["a short .fam line", { fam: "F1 A 0 0 1\n" }, { code: "FAM_BAD_LINE", line: 1, columns: 5 }],
    [
      "the same person twice",
      { fam: `${FAM}F1 B 0 0 1 -9\n` },
      { code: "DUPLICATE_SAMPLE", line: 6, firstLine: 2 },
    ],
    [
      "a .fam line that never ends",
      { fam: `F1 ${"x".repeat(70_000)}` },
      { code: "LINE_TOO_LONG", line: 1, byteOffset: 0 },
    ],
  ])("refuses %s", async (_, files, expected) => {
    expect(await openPlink(await plinkFiles("bad", files))).toMatchObject({ ok: false, error: expected });
  });

  it("refuses missing files by name", async () => {
    expect(await openPlink(path("nowhere"))).toMatchObject({
      ok: false,
      error: { code: "FILE_UNREADABLE", file: path("nowhere.fam"), reason: "ENOENT" },
    });
  });

  it("refuses a folder in a file's place", async () => {
    const prefix = await plinkFiles("folder");
    await rm(`${prefix}.bed`);
    await mkdir(`${prefix}.bed`);
    expect(await openPlink(prefix)).toMatchObject({
      ok: false,
      error: { code: "FILE_UNREADABLE", reason: "EISDIR" },
    });
    await rm(`${prefix}.fam`);
    await mkdir(`${prefix}.fam`);
    expect(await openPlink(prefix)).toMatchObject({
      ok: false,
      error: { code: "FILE_UNREADABLE", reason: "EISDIR" },
    });
  });

  it("says so when the .bed shrinks behind its back", async () => {
    const source = unwrap(await openPlink(await plinkFiles("shrink")));
    await write("shrink.bed", BED.slice(0, 4));
    expect(await source.readCalls(0, 2)).toMatchObject({ ok: false, error: { code: "FILE_CHANGED" } });
    await source.close();
  });

  it("keeps unknown contigs only when asked", async () => {
    const prefix = await plinkFiles("extra", { bim: "GL000192.1 rs1 0 1 A C\nchrX rs2 0 3000000 A C\n" });
    const source = unwrap(await openPlink(prefix, { unknownContigs: "keep", splitPar: "GRCh38" }));
    expect(source.variants.map(({ contig }) => [contig.label, contig.ploidyClass])).toEqual([
      ["GL000192.1", "autosome"],
      ["23", "X"],
    ]);
    await source.close();
  });
});

describe("selectSamples", () => {
  it("keeps the people named, in the order named", async () => {
    const source = unwrap(await openPlink(await plinkFiles("select")));
    const some = selectSamples(source, [4, 0]);
    expect(some.samples.map(({ id }) => id)).toEqual(["D", "A"]);
    expect([...unwrap(await some.readCalls(0, 2)).codes]).toEqual([2, 0, 3, 3]);
    expect(unwrap(await some.readBlock(1, 1)).called).toEqual(Uint8Array.of(1, 1)); // two men's X
    expect(() => selectSamples(source, [5])).toThrow(RangeError);
    await source.close();
  });
});

describe("writePlink", () => {
  it("is undone by openPlink", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryGenotypes(), async (reader) => {
        const written = toSource(reader);
        unwrap(await writePlink(path("law"), written));
        const read = unwrap(await openPlink(path("law")));
        const count = written.variants.length;
        expect(read.samples).toEqual(written.samples);
        expect(read.variants).toEqual(written.variants);
        expect(unwrap(await read.readCalls(0, count))).toEqual(unwrap(await written.readCalls(0, count)));
        await read.close();
      }),
      { numRuns: 50 },
    );
  });

  it("writes exactly the bytes that it read", async () => {
    const source = unwrap(await openPlink(await plinkFiles("same")));
    unwrap(await writePlink(path("copy"), source));
    await source.close();
    expect(await readFile(path("copy.bed"))).toEqual(Buffer.from(BED));
  });
});
