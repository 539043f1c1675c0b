import {
  type CaseControlTrait,
  type Contig,
  type GenotypeSource,
  parseDecimal,
  type QuantitativeTrait,
  type Sample,
  SPECIES,
  toSource,
  type Variant,
} from "@cos/genomics";
import { ok } from "@cos/protocol";

/** A small made-up cohort over chromosomes 1, 2 and X, the same on every run: a third of the people are men. */
export type TinyCohort = {
  source: GenotypeSource;
  binary: CaseControlTrait;
  quantitative: QuantitativeTrait;
};

const contig = (name: string): Contig => SPECIES.human.contigs.find((c) => c.name === name) as Contig;

export function tinyCohort(people: number, seed = 1, prefix = "P"): TinyCohort {
  const random = generator(seed);
  const samples: Sample[] = Array.from({ length: people }, (_, i) => ({
    familyId: `F${prefix}${i}`,
    id: `${prefix}${i}`,
    sex: i % 3 === 0 ? "male" : "female",
    founder: true,
  }));
  const variants: Variant[] = ["1", "1", "1", "1", "1", "2", "2", "2", "X", "X"].map((name, i) => ({
    contig: contig(name),
    position: (1_000 * (i + 1)) as Variant["position"],
    id: `rs${i}`,
    a1: "A",
    a2: i === 2 ? "T" : "G",
  }));
  const codes = Uint8Array.from(
    { length: variants.length * people },
    () => [0, 1, 2, 2, 3, 3, 3][random(7)] as number,
  );
  const source = toSource({
    format: "plink",
    species: "human",
    hasFamilyIds: true,
    samples,
    variants,
    notes: { splitRecords: 0, halfCalls: 0, haploidCalls: 0 },
    readCalls: async (first, count) =>
      ok({
        firstVariant: first,
        count,
        samples: people,
        codes: codes.slice(first * people, (first + count) * people),
      }),
    close: async () => {},
  });
  const status = Uint8Array.from({ length: people }, () => [0, 1, 1, 2, 2][random(5)] as number);
  const values = Array.from({ length: people }, () => {
    const text = `${random(9) - 4}.${String(random(1_000_000)).padStart(6, "0")}${random(1_000_000)}`;
    return random(10) === 0 ? null : (parseDecimal(text) as Exclude<ReturnType<typeof parseDecimal>, string>);
  });
  return {
    source,
    binary: { kind: "case-control", name: "affected", status },
    quantitative: { kind: "quantitative", name: "height", values },
  };
}

/** A linear congruential generator: numbers below `n`, the same for the same seed. */
function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}
