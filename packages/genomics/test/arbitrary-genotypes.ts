import { ok } from "@cos/protocol";
import fc from "fast-check";
import { type CallReader, type Position, type Sample, SPECIES, type Variant } from "../src/index.ts";

const variant = fc.record({
  contig: fc.constantFrom(...SPECIES.human.contigs),
  position: fc.integer({ min: 1, max: 1_000_000 }).map((value) => value as Position),
  id: fc.stringMatching(/^[A-Za-z0-9:_]{1,12}$/),
  alleles: fc.constantFrom(["A", "G"], ["C", "CTT"], ["T", "A"]),
});

/** A small human data set in memory, over every chromosome and with every sex. */
export function arbitraryGenotypes(): fc.Arbitrary<CallReader> {
  return fc
    .record({
      sexes: fc.array(fc.constantFrom("male", "female", "unknown"), { minLength: 1, maxLength: 11 }),
      variants: fc.array(variant, { minLength: 1, maxLength: 8 }),
    })
    .chain(({ sexes, variants }) => {
      const size = sexes.length * variants.length;
      return fc
        .uint8Array({ min: 0, max: 3, minLength: size, maxLength: size })
        .map((codes) => inMemory(sexes as Sample["sex"][], variants.map(toVariant), codes));
    });
}

const toVariant = ({
  alleles,
  ...site
}: { alleles: readonly [string, string] } & Omit<Variant, "a1" | "a2">): Variant => ({
  ...site,
  a1: alleles[0],
  a2: alleles[1],
});

function inMemory(
  sexes: readonly Sample["sex"][],
  variants: readonly Variant[],
  codes: Uint8Array,
): CallReader {
  const people = sexes.length;
  return {
    format: "plink",
    species: "human",
    hasFamilyIds: true,
    samples: sexes.map((sex, i) => ({ familyId: `F${i}`, id: `I${i}`, sex, founder: true })),
    variants,
    notes: { splitRecords: 0, halfCalls: 0, haploidCalls: 0 },
    readCalls: async (firstVariant, count) =>
      ok({
        firstVariant,
        count,
        samples: people,
        codes: codes.slice(firstVariant * people, (firstVariant + count) * people),
      }),
    close: async () => undefined,
  };
}
