import { countsProfile, type Profile, sumsProfile } from "@cos/fhe";
import type { Channel, VariantBlock } from "@cos/protocol";

/**
 * How genotypes and traits are laid out in ciphertexts.
 *
 * `allele-counts`: alleles and called alleles are two base-109 digits of one coefficient, so 54 people can be added
 * up below t = 12289. `fixed-point`: channels side by side, whole coefficients each, so that 17-bit digits of a trait
 * times dosages of 1,024 people stay below t = 2^28. A dosage counts a single copy twice, as PLINK's regression does.
 */
export type LayoutName = "allele-counts" | "fixed-point";

export type Layout = {
  name: LayoutName;
  profile: Profile;
  rowsPerBlock: number;
  maxVariantsPerBlock: number;
};

/** 4 runs of 54 people to a block of the first; 2.8 MB each. */
export const layouts: Readonly<Record<LayoutName, Layout>> = {
  "allele-counts": {
    name: "allele-counts",
    profile: countsProfile,
    rowsPerBlock: 216,
    maxVariantsPerBlock: countsProfile.ringDegree,
  },
  "fixed-point": {
    name: "fixed-point",
    profile: sumsProfile,
    rowsPerBlock: 64,
    maxVariantsPerBlock: sumsProfile.ringDegree / 4,
  },
};

/** One more than the largest digit: twice the 54 people of a run. */
const digitBase = 109;
/** The two counts that decide A1 are never weighted, so they share a coefficient as digits of 14 bits. */
const unweightedBase = 2 ** 14;
/** Bits of one digit of a fixed-point trait. */
export const digitBits = 17;

export const layoutForTrait = (kind: "binary" | "quantitative"): LayoutName =>
  kind === "binary" ? "allele-counts" : "fixed-point";

/** Coefficients between two channels: as wide as the widest variant block. */
export const strideOf = (blocks: readonly VariantBlock[]): number =>
  blocks.reduce((most, block) => Math.max(most, block.count), 1);

/** The genotype channels of a layout. A missing genotype is zero in every channel, so it adds nothing to any sum. */
export function genotypeChannels(layout: Layout, stride: number): Channel[] {
  if (layout.name === "allele-counts") {
    return [channel("alleles", 2, 0, 0, 1), channel("calledAlleles", 2, 0, 0, digitBase)];
  }
  return [
    channel("dosage", 2, 0, 0, 1),
    channel("dosageSq", 4, 0, stride, 1),
    channel("called", 1, 0, 2 * stride, 1),
    channel("alleles", 2, 0, 3 * stride, 1),
    channel("calledAlleles", 2, 0, 3 * stride, unweightedBase),
  ];
}

/** Columns of a trait's array: case and control, or presence and the digits of value and square. */
export type TraitColumns =
  | { kind: "binary" }
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
      ? [column("case", "case", 0, 1), column("control", "control", 0, 1)]
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
