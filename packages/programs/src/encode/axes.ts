import type { GenotypeSource } from "@cos/genomics";
import type { VariantAxis, VariantBlock } from "@cos/protocol";

/** The variant axis of a source, in the file's order and orientation: A1 is the counted allele. */
export function toVariantAxis(source: GenotypeSource, assembly: string): VariantAxis {
  return {
    format: "cos-variant-axis/1",
    species: source.species,
    assembly,
    variants: source.variants.map((variant) => ({
      contig: variant.contig.name,
      position: variant.position,
      id: variant.id,
      ref: variant.a2,
      alt: variant.a1,
      counted: "alt",
      ploidy: variant.contig.ploidyClass,
      strand: isPalindrome(variant.a1, variant.a2) ? "palindrome" : "unknown",
      ...(variant.parentOfSplit === undefined ? {} : { parentOfSplit: variant.parentOfSplit }),
    })),
  };
}

/** A/T and C/G read the same from either strand, so their strand cannot be told from the alleles. */
function isPalindrome(a: string, b: string): boolean {
  const pair = [a.toUpperCase(), b.toUpperCase()].sort().join("");
  return pair === "AT" || pair === "CG";
}

/** Cuts the axis into runs of one contig and ploidy class, of equal size as far as possible, at most `max` each. */
export function toVariantBlocks(axis: VariantAxis, max: number): VariantBlock[] {
  const blocks: VariantBlock[] = [];
  let first = 0;
  while (first < axis.variants.length) {
    const { contig, ploidy } = axis.variants[first] as VariantAxis["variants"][number];
    let end = first + 1;
    while (axis.variants[end]?.contig === contig && axis.variants[end]?.ploidy === ploidy) end += 1;
    const size = Math.ceil((end - first) / Math.ceil((end - first) / max));
    for (; first < end; first += size) {
      blocks.push({ index: blocks.length, contig, ploidy, first, count: Math.min(size, end - first) });
    }
    first = end;
  }
  return blocks;
}
