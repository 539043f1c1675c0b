import { unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { arbitraryGenotypes } from "../../test/arbitrary-genotypes.ts";
import type { Position } from "../coordinates.ts";
import { toSource } from "../genotype-source.ts";
import { parseDecimal } from "../phenotype/decimal.ts";
import { findContig, SPECIES } from "../species.ts";
import { assocRow, swapAlleles, type VariantCounts } from "./assoc-row.ts";
import { assocTsv, parseAssociationTable } from "./association-tsv.ts";
import { plaintextAssoc } from "./plaintext-assoc.ts";
import { plaintextQassoc } from "./plaintext-qassoc.ts";

const variant = {
  contig: findContig(SPECIES.human, "X")!,
  position: 7 as Position,
  id: "rs1",
  a1: "A",
  a2: "G",
};

describe("assocRow", () => {
  it("reports the minor allele over everybody as A1", () => {
    const counts = {
      caseA1: 30,
      caseCalled: 40,
      controlA1: 10,
      controlCalled: 40,
      totalA1: 61,
      totalCalled: 120,
    };
    expect(assocRow(variant, counts)).toMatchObject({
      a1: "G",
      a2: "A",
      swapped: true,
      caseFrequency: 0.25,
      counts: { caseA1: 10, totalA1: 59 },
    });
    expect(assocRow(variant, { ...counts, totalA1: 60 })).toMatchObject({
      a1: "A",
      swapped: false,
      caseFrequency: 0.75,
    });
  });

  const group = fc.tuple(fc.nat(500), fc.nat(500)).map(([a1, a2]) => ({ a1, called: a1 + a2 }));
  const counts: fc.Arbitrary<VariantCounts> = fc
    .tuple(group, group, group)
    .map(([cases, controls, others]) => ({
      caseA1: cases.a1,
      caseCalled: cases.called,
      controlA1: controls.a1,
      controlCalled: controls.called,
      totalA1: cases.a1 + controls.a1 + others.a1,
      totalCalled: cases.called + controls.called + others.called,
    }));

  it("says the same whichever allele the file calls A1, ties aside", () => {
    fc.assert(
      fc.property(counts, (given) => {
        fc.pre(2 * given.totalA1 !== given.totalCalled);
        const one = assocRow(variant, given);
        const other = assocRow({ ...variant, a1: "G", a2: "A" }, swapAlleles(given));
        expect(assocTsv([other])).toBe(assocTsv([one]));
        expect(other.counts).toEqual(one.counts);
      }),
    );
  });
});

describe("the table", () => {
  it("has PLINK's columns and reads back as printed", () => {
    const row = assocRow(variant, {
      caseA1: 3,
      caseCalled: 8,
      controlA1: 0,
      controlCalled: 6,
      totalA1: 3,
      totalCalled: 14,
    });
    const text = assocTsv([row]);
    expect(text).toBe(
      "CHR\tSNP\tBP\tA1\tF_A\tF_U\tA2\tCHISQ\tP\tOR\n23\trs1\t7\tA\t0.375\t0\tG\t2.864\t0.0906\tNA\n",
    );
    expect(parseAssociationTable(text)).toMatchObject({
      ok: true,
      value: { kind: "assoc", rows: [{ CHR: "23", OR: "NA" }] },
    });
  });

  it("is refused with another header or a short line", () => {
    expect(parseAssociationTable("CHR\tSNP\n")).toMatchObject({
      ok: false,
      error: { code: "ASSOCIATION_BAD_HEADER" },
    });
    expect(parseAssociationTable("CHR SNP BP NMISS BETA SE R2 T P\n1 rs1 2\n")).toMatchObject({
      ok: false,
      error: { code: "ASSOCIATION_BAD_LINE", line: 2, columns: 3, expected: 9 },
    });
  });
});

describe("the plaintext path", () => {
  // The block (which the encrypted path reads) is summed person by person here, the slow and obvious way.
  it("counts what the genotype blocks add up to", async () => {
    await fc.assert(
      fc.asyncProperty(arbitraryGenotypes(), fc.nat(2), async (reader, offset) => {
        const source = toSource(reader);
        const status = Uint8Array.from(source.samples, (_, i) => (i + offset) % 3);
        const counted = unwrap(await plaintextAssoc(source, { kind: "case-control", name: "t", status }));
        const block = unwrap(await source.readBlock(0, source.variants.length));
        const sum = (values: Uint8Array, v: number, codes: readonly number[]) =>
          source.samples.reduce(
            (total, _, s) => total + (codes.includes(status[s]!) ? values[v * block.samples + s]! : 0),
            0,
          );
        const expected = source.variants.map((_, v) => ({
          caseA1: sum(block.alleles, v, [2]),
          caseCalled: sum(block.called, v, [2]),
          controlA1: sum(block.alleles, v, [1]),
          controlCalled: sum(block.called, v, [1]),
          totalA1: sum(block.alleles, v, [0, 1, 2]),
          totalCalled: sum(block.called, v, [0, 1, 2]),
        }));
        expect(counted).toEqual(expected);
      }),
    );
  });

  it("sums what dosages and trait add up to, exactly, whatever the trait's size", async () => {
    const measurement = fc.option(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), { freq: 4 });
    await fc.assert(
      fc.asyncProperty(
        arbitraryGenotypes(),
        fc.array(measurement, { minLength: 11, maxLength: 11 }),
        async (reader, ys) => {
          const source = toSource(reader);
          const values = source.samples.map((_, s) => (ys[s] == null ? null : { digits: ys[s]!, scale: 3 }));
          const summed = unwrap(
            await plaintextQassoc(source, { kind: "quantitative", name: "t", values }, { decimals: 3 }),
          );
          const block = unwrap(await source.readBlock(0, source.variants.length));
          for (const [v, sums] of summed.entries()) {
            const people = source.samples
              .map((_, s) => ({ at: v * block.samples + s, y: values[s]?.digits }))
              .filter(({ at, y }) => y !== undefined && block.called[at]! > 0);
            const total = (of: (g: bigint, y: bigint) => bigint) =>
              people.reduce((sum, { at, y }) => sum + of(BigInt(block.dosage[at]!), y!), 0n);
            expect(sums).toMatchObject({
              n: people.length,
              sumG: total((g) => g),
              sumGG: total((g) => g * g),
              sumY: total((_, y) => y),
              sumYY: total((_, y) => y * y),
              sumGY: total((g, y) => g * y),
            });
          }
        },
      ),
    );
  });

  it("refuses a trait that is not aligned", async () => {
    const [reader] = fc.sample(arbitraryGenotypes(), 1);
    const source = toSource(reader!);
    const one = parseDecimal("1");
    if (typeof one === "string") throw new Error(one);
    const values = Array.from({ length: source.samples.length + 1 }, () => one);
    await expect(plaintextQassoc(source, { kind: "quantitative", name: "t", values })).rejects.toThrow(
      RangeError,
    );
  });
});
