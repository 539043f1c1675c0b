import { contextOf, type DatasetKey } from "@cos/fhe";
import type { Trait as PhenotypeTrait } from "@cos/genomics";
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
  genotypeChannels,
  type LayoutName,
  layoutForTrait,
  layouts,
  strideOf,
  type TraitColumns,
  traitChannels,
} from "./layout.ts";

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

/** The manifest of a trait's array beside the genotypes it will weight, without blocks. */
export function traitArray(
  manifest: Manifest,
  trait: PhenotypeTrait,
  fixedPoint: FixedPoint | undefined,
  key: DatasetKey,
): Result<ArrayManifest, { code: "LAYOUT_MISSING"; layout: LayoutName }> {
  const layout = layouts[layoutForTrait(kindOf(trait))];
  const genotypes = manifest.arrays.find((a) => a.layout === layout.name && a.axes.length === 2);
  if (genotypes === undefined) return err({ code: "LAYOUT_MISSING", layout: layout.name });
  const columns: TraitColumns =
    fixedPoint === undefined
      ? { kind: "binary" }
      : {
          kind: "quantitative",
          valueDigits: fixedPoint.valueDigits,
          squareDigits: fixedPoint.squareDigits,
        };
  const channels = traitChannels(layout, strideOf(genotypes.variantBlocks), columns);
  return ok({
    name: `trait/${trait.name}`,
    layout: layout.name,
    axes: ["sample"],
    trait: trait.name,
    profile: layout.profile.name,
    contextDigest: contextOf(layout.profile, key.keyId).digest,
    packing: "coefficient",
    rowDeletable: true,
    ciphertextsPerRow: 1 + Math.max(...channels.map((c) => c.at.ciphertext)),
    rowsPerBlock: layout.rowsPerBlock,
    channels,
    variantBlocks: [],
    blocks: [],
  });
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

export const kindOf = (trait: PhenotypeTrait): "binary" | "quantitative" =>
  trait.kind === "case-control" ? "binary" : "quantitative";

/** Layouts that the traits' programs read. */
export const neededLayouts = (traits: readonly PhenotypeTrait[]): LayoutName[] => {
  const needed = new Set(traits.map((t) => layoutForTrait(kindOf(t))));
  return needed.size === 0 ? ["allele-counts"] : [...needed].sort();
};
