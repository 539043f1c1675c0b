import { extraContig, findContig, SPECIES, type SpeciesName, type Variant } from "@cos/genomics";
import type { VariantAxis } from "@cos/protocol";

/** The axis's variants as `@cos/genomics` prints them; contigs outside the species' table keep their own name. */
export function toGenomicsVariants(axis: VariantAxis): Variant[] {
  const table = Object.hasOwn(SPECIES, axis.species) ? SPECIES[axis.species as SpeciesName] : undefined;
  return axis.variants.map((variant) => {
    const counted = variant.counted === "alt";
    return {
      contig:
        (table === undefined ? undefined : findContig(table, variant.contig)) ?? extraContig(variant.contig),
      position: variant.position as Variant["position"],
      id: variant.id,
      a1: counted ? variant.alt : variant.ref,
      a2: counted ? variant.ref : variant.alt,
      ...(variant.parentOfSplit === undefined ? {} : { parentOfSplit: variant.parentOfSplit }),
    };
  });
}
