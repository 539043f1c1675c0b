import { contextOf, type DatasetKey } from "@cos/fhe";
import { type Trait as PhenotypeTrait, STATUS_MISSING } from "@cos/genomics";
import {
  type ArrayManifest,
  err,
  type Manifest,
  ok,
  type Result,
  type Trait,
  type VariantAxis,
} from "@cos/protocol";
import { toVariantBlocks } from "./axes.ts";
import type { FixedPoint } from "./fixed-point.ts";
import {
  fixedLayoutFor,
  genotypeChannels,
  type LayoutName,
  layoutForTrait,
  layouts,
  strideOf,
  type TraitColumns,
  traitChannels,
} from "./layout.ts";

export type DescribeError =
  /** The dataset has no genotypes in the layout that this kind of trait needs. */
  | { code: "LAYOUT_MISSING"; layout: LayoutName }
  /** Only a case/control trait can be fixed into the genotypes. */
  | { code: "TRAIT_NOT_BINARY"; trait: string }
  /** A trait to be fixed that is not among the traits. */
  | { code: "TRAIT_UNKNOWN"; trait: string };

/** The manifest of the genotypes in one layout, without blocks. */
export function genotypeArray(name: LayoutName, axis: VariantAxis, key: DatasetKey): ArrayManifest {
  const layout = layouts[name];
  const variantBlocks = toVariantBlocks(axis, layout.maxVariantsPerBlock);
  return {
    name: `genotypes/${name}`,
    layout: name,
    axes: ["sample", "variant"],
    profile: layout.profile.name,
    contextDigest: contextOf(layout.profile, key.keyId).digest,
    packing: "coefficient",
    rowDeletable: true,
    ciphertextsPerRow: 1,
    rowsPerBlock: layout.rowsPerBlock,
    channels: genotypeChannels(layout, strideOf(variantBlocks)),
    variantBlocks,
    blocks: [],
  };
}

/** The manifest of genotypes into which one case/control trait is fixed, without blocks. */
export function fixedArray(
  trait: PhenotypeTrait,
  axis: VariantAxis,
  key: DatasetKey,
): Result<ArrayManifest, DescribeError> {
  if (trait.kind !== "case-control") return err({ code: "TRAIT_NOT_BINARY", trait: trait.name });
  const isComplete = hasEverybody(trait);
  const array = genotypeArray(fixedLayoutFor(isComplete), axis, key);
  return ok({
    ...array,
    name: `${array.name}/${trait.name}`,
    trait: trait.name,
    ...(isComplete ? { traitComplete: true } : {}),
  });
}

/**
 * The manifest of a trait's array beside the genotypes it will weight, without blocks.
 * @param isComplete whether everybody in the dataset has a value
 */
export function traitArray(
  manifest: Manifest,
  trait: PhenotypeTrait,
  { fixedPoint, isComplete }: { fixedPoint: FixedPoint | undefined; isComplete: boolean },
  key: DatasetKey,
): Result<ArrayManifest, DescribeError> {
  const layout = layouts[layoutForTrait(kindOf(trait))];
  const genotypes = manifest.arrays.find((a) => a.layout === layout.name && a.axes.length === 2);
  if (genotypes === undefined) return err({ code: "LAYOUT_MISSING", layout: layout.name });
  const columns: TraitColumns =
    fixedPoint === undefined
      ? { kind: "binary", isComplete }
      : {
          kind: "quantitative",
          valueDigits: fixedPoint.valueDigits,
          squareDigits: fixedPoint.squareDigits,
        };
  return ok({
    name: `trait/${trait.name}`,
    layout: layout.name,
    axes: ["sample"],
    trait: trait.name,
    ...columnsIn(genotypes, columns),
    profile: layout.profile.name,
    contextDigest: contextOf(layout.profile, key.keyId).digest,
    packing: "coefficient",
    rowDeletable: true,
    rowsPerBlock: layout.rowsPerBlock,
    variantBlocks: [],
    blocks: [],
  });
}

/** A case/control trait's array with a column of controls, for people of whom some have no value; without blocks. */
export function withControls({ arrays }: Manifest, array: ArrayManifest): ArrayManifest {
  const genotypes = arrays.find((a) => a.layout === array.layout && a.axes.length === 2);
  if (genotypes === undefined) throw new TypeError("a trait's array without genotypes that it weights");
  const { traitComplete, ...rest } = array;
  return { ...rest, ...columnsIn(genotypes, { kind: "binary", isComplete: false }), blocks: [] };
}

/** Columns of a trait beside the genotypes; a case/control trait without a column of controls is complete. */
function columnsIn(
  { layout, variantBlocks }: ArrayManifest,
  columns: TraitColumns,
): Pick<ArrayManifest, "channels" | "ciphertextsPerRow" | "traitComplete"> {
  const channels = traitChannels(layouts[layout as LayoutName], strideOf(variantBlocks), columns);
  const leavesControls = columns.kind === "binary" && channels.length === 1;
  return {
    ciphertextsPerRow: 1 + Math.max(...channels.map((c) => c.at.ciphertext)),
    channels,
    ...(leavesControls ? { traitComplete: true } : {}),
  };
}

/** What the data dictionary says of a trait: nothing that was measured. */
export function dictionaryEntry(trait: PhenotypeTrait): Trait {
  const kind = kindOf(trait);
  return {
    name: trait.name,
    kind,
    role: "trait",
    codes: kind === "binary" ? { "1": "control", "2": "case" } : {},
    unit: null,
    ontology: null,
    scale: kind === "binary" ? 1 : null,
    bound: kind === "binary" ? "1" : null,
    validMask: kind === "binary" ? "case+control" : "present",
    derivedFrom: [],
    nullModelDigest: null,
    visibleToGrant: true,
  };
}

/** Whether every person whom a case/control trait speaks of has a value. */
const hasEverybody = (trait: PhenotypeTrait): boolean =>
  trait.kind === "case-control" && !trait.status.includes(STATUS_MISSING);

export const kindOf = (trait: PhenotypeTrait): "binary" | "quantitative" =>
  trait.kind === "case-control" ? "binary" : "quantitative";

/** Layouts that the traits' programs read. */
export const neededLayouts = (traits: readonly PhenotypeTrait[]): LayoutName[] => {
  const needed = new Set(traits.map((t) => layoutForTrait(kindOf(t))));
  return needed.size === 0 ? ["allele-counts"] : [...needed].sort();
};

/** Adds every trait's dictionary entry, its array, and the genotypes into which it is fixed. */
export function describeTraits(
  draft: Manifest,
  axis: VariantAxis,
  fixedPoints: ReadonlyMap<string, FixedPoint>,
  {
    traits,
    key,
    fixTraits = [],
  }: { traits: readonly PhenotypeTrait[]; key: DatasetKey; fixTraits?: readonly string[] },
): Result<null, DescribeError> {
  for (const name of fixTraits) {
    const trait = traits.find((t) => t.name === name);
    if (trait === undefined) return err({ code: "TRAIT_UNKNOWN", trait: name });
    const array = fixedArray(trait, axis, key);
    if (!array.ok) return array;
    draft.arrays.push(array.value);
  }
  for (const trait of traits) {
    const columns = { fixedPoint: fixedPoints.get(trait.name), isComplete: hasEverybody(trait) };
    const array = traitArray(draft, trait, columns, key);
    // A trait that is fixed needs no array of its own where no genotypes are there for it to weight.
    if (array.ok) draft.arrays.push(array.value);
    else if (!fixTraits.includes(trait.name)) return array;
    draft.traits.push(dictionaryEntry(trait));
  }
  return ok(null);
}
