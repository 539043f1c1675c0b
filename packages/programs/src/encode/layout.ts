import { type Profile, packedPolynomialBytes, profiles } from "@cos/fhe";
import type { Channel, VariantBlock } from "@cos/protocol";
import { chooseProfile, type Shape } from "../plan/fit-shape.ts";

/**
 * How genotypes and traits are laid out in ciphertexts.
 *
 * `allele-counts`: alleles and called alleles are two digits of one coefficient; any case/control trait may weight them.
 * `fixed-point`: channels side by side, whole coefficients each, times 17-bit digits of any quantity. A dosage counts a
 * single copy twice, as PLINK's regression does.
 *
 * The others fix one case/control trait at encryption, so that sums need no product. `case-counters`: alleles and called
 * alleles, of everybody and of cases, are four digits; controls are the rest, so everybody must have a value.
 * `case-control-counters`: cases and controls have digits of their own, six in all, and people may be neither.
 */
export type LayoutName = "allele-counts" | "fixed-point" | FixedLayoutName;
export type FixedLayoutName = "case-counters" | "case-control-counters";

export type Layout = {
  name: LayoutName;
  profile: Profile;
  /** One more than the largest sum of a digit over the people of a run. */
  digitBase: number;
  rowsPerBlock: number;
  maxVariantsPerBlock: number;
};

/** Bits of one digit of a fixed-point trait. */
export const digitBits = 17;
/** The two counts that decide A1 are never weighted, so they share a coefficient as digits of 14 bits. */
const unweightedBase = 2 ** 14;

const digits = { coefficientsPerVariant: 1, bound: 2, weightBound: null, sums: [1] } as const;

/** What each layout asks of its parameters; the products are those of the programs that read it. */
export const layoutShapes: Readonly<Record<LayoutName, Shape>> = {
  "allele-counts": { ...digits, digits: 2, weightBound: 1, sums: [1, 2, 2] },
  "fixed-point": {
    digits: 1,
    bound: 2 * (2 ** digitBits - 1),
    weightBound: 2 ** digitBits - 1,
    coefficientsPerVariant: 4,
    sums: [1, 2, 2, 2],
  },
  "case-counters": { ...digits, digits: 4 },
  "case-control-counters": { ...digits, digits: 6 },
};

/** Most bytes of a block: an object that is fetched in a fraction of a second and held in memory as a whole. */
const maxBlockBytes = 3.3e6;

/** Rows of a block: several whole runs of people, or a whole part of a run. */
function rowsOfBlock(runRows: number, maxRows: number): number {
  if (maxRows >= runRows) return maxRows - (maxRows % runRows);
  let rows = maxRows;
  while (runRows % rows !== 0) rows -= 1;
  return rows;
}

/** Parameters are chosen by what the layout asks for. */
function layoutOf(name: LayoutName): Layout {
  const { coefficientsPerVariant } = layoutShapes[name];
  const { profile, runRows, digitBase } = chooseProfile(layoutShapes[name], profiles).chosen;
  return {
    name,
    profile,
    digitBase,
    rowsPerBlock: rowsOfBlock(runRows, Math.floor(maxBlockBytes / packedPolynomialBytes(profile))),
    maxVariantsPerBlock: profile.ringDegree / coefficientsPerVariant,
  };
}

export const layouts: Readonly<Record<LayoutName, Layout>> = {
  "allele-counts": layoutOf("allele-counts"),
  "fixed-point": layoutOf("fixed-point"),
  "case-counters": layoutOf("case-counters"),
  "case-control-counters": layoutOf("case-control-counters"),
};

export const layoutForTrait = (kind: "binary" | "quantitative"): LayoutName =>
  kind === "binary" ? "allele-counts" : "fixed-point";

/** Coefficients between two channels: as wide as the widest variant block. */
export const strideOf = (blocks: readonly VariantBlock[]): number =>
  blocks.reduce((most, block) => Math.max(most, block.count), 1);

/** Quantities of the trait that weight the digits of a fixed layout, one after the other; null: everybody. */
const fixedWeights: Readonly<Record<FixedLayoutName, readonly (string | null)[]>> = {
  "case-counters": [null, "case"],
  "case-control-counters": [null, "case", "control"],
};

export const isFixedLayout = (name: LayoutName): name is FixedLayoutName => Object.hasOwn(fixedWeights, name);

/** The layout that fixes a trait, by whether everybody has a value. */
export const fixedLayoutFor = (isComplete: boolean): FixedLayoutName =>
  isComplete ? "case-counters" : "case-control-counters";

/** The genotype channels of a layout. A missing genotype is zero in every channel, so it adds nothing to any sum. */
export function genotypeChannels(layout: Layout, stride: number): Channel[] {
  const { name, digitBase } = layout;
  if (name === "allele-counts") {
    return [channel("alleles", 2, 0, 0, 1), channel("calledAlleles", 2, 0, 0, digitBase)];
  }
  if (isFixedLayout(name)) {
    const counters = fixedWeights[name].flatMap((weight) =>
      ["alleles", "calledAlleles"].map((quantity) => ({ quantity, weight })),
    );
    return counters.map(({ quantity, weight }, i) => {
      const digit = channel(quantity, 2, 0, 0, digitBase ** i);
      return weight === null ? digit : { ...digit, name: `${quantity}.${weight}`, weight };
    });
  }
  return [
    channel("dosage", 2, 0, 0, 1),
    channel("dosageSq", 4, 0, stride, 1),
    channel("called", 1, 0, 2 * stride, 1),
    channel("alleles", 2, 0, 3 * stride, 1),
    channel("calledAlleles", 2, 0, 3 * stride, unweightedBase),
  ];
}

/**
 * Columns of a trait's array: case and control, or presence and the digits of value and square. Where everybody has a
 * value (`isComplete`), controls are the rest: their column is left away if it would take a ciphertext of its own.
 */
export type TraitColumns =
  | { kind: "binary"; isComplete: boolean }
  | { kind: "quantitative"; valueDigits: number; squareDigits: number };

/**
 * The channels of a trait in a layout. A trait is constant along the packed axis; its columns are spread so far apart
 * that a product with a genotype row puts each on coefficients of its own, and wrap into further ciphertexts.
 */
export function traitChannels(layout: Layout, stride: number, columns: TraitColumns): Channel[] {
  const width = layout.name === "allele-counts" ? stride : 4 * stride;
  const perCiphertext = Math.max(1, Math.floor(layout.profile.ringDegree / width));
  const names: Omit<Channel, "at">[] =
    columns.kind === "binary"
      ? (columns.isComplete && perCiphertext < 2 ? ["case"] : ["case", "control"]).map((name) =>
          column(name, name, 0, 1),
        )
      : [
          column("present", "present", 0, 1),
          ...digitColumns("value", columns.valueDigits),
          ...digitColumns("square", columns.squareDigits),
        ];
  return names.map((each, i) => ({
    ...each,
    at: {
      ciphertext: Math.floor(i / perCiphertext),
      coefficient: (i % perCiphertext) * width,
      multiplier: "1",
    },
  }));
}

const digitColumns = (quantity: string, digits: number) =>
  Array.from({ length: digits }, (_, i) =>
    column(`${quantity}.${i}`, quantity, i * digitBits, 2 ** digitBits - 1, null),
  );

function column(
  name: string,
  quantity: string,
  radixPower: number,
  bound: number,
  scale: number | null = 1,
): Omit<Channel, "at"> {
  return {
    name,
    quantity,
    radixPower,
    scale,
    offset: scale === null ? null : 0,
    bound: String(bound),
    missing: "zero",
  };
}

const channel = (
  name: string,
  bound: number,
  ciphertext: number,
  coefficient: number,
  multiplier: number,
): Channel => ({
  ...column(name, name, 0, bound),
  at: { ciphertext, coefficient, multiplier: String(multiplier) },
});
