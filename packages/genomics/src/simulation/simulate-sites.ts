import type { Position } from "../coordinates.ts";
import { SPECIES } from "../species.ts";
import type { Variant } from "../variant.ts";
import type { Random } from "./random.ts";

/** Lengths of the human chromosomes 1 to 22 in bases, GRCh38 (Genome Reference Consortium). */
const GRCH38_LENGTHS = [
  248956422, 242193529, 198295559, 190214555, 181538259, 170805979, 159345973, 145138636, 138394717,
  133797422, 135086622, 133275309, 114364328, 107043718, 101991189, 90338345, 83257441, 80373285, 58617616,
  64444167, 46709983, 50818468,
];
/** Telomeric sequence without sites. */
const MARGIN = 50_000;
const BASES = ["A", "C", "G", "T"] as const;

/**
 * Draws sites over the first human autosomes, at distinct sorted positions: over all 22 as many per chromosome as its
 * length asks for, over fewer the same number on each.
 */
export function simulateSites(count: number, random: Random, chromosomes = GRCH38_LENGTHS.length): Variant[] {
  const lengths = GRCH38_LENGTHS.slice(0, chromosomes);
  const weights = chromosomes === GRCH38_LENGTHS.length ? lengths : lengths.map(() => 1);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const variants: Variant[] = [];
  let covered = 0;
  for (const [i, length] of lengths.entries()) {
    covered += weights[i]!;
    const left = lengths.length - 1 - i; // every chromosome gets a site at least
    const upTo =
      left === 0 ? count : Math.max(i + 1, Math.min(count - left, Math.round((count * covered) / total)));
    const contig = SPECIES.human.contigs.find(({ code }) => code === i + 1)!;
    for (const position of drawPositions(upTo - variants.length, length, random)) {
      const a2 = BASES[random.below(4)]!;
      const a1 = BASES.filter((base) => base !== a2)[random.below(3)]!;
      variants.push({ contig, position, id: `sim${i + 1}_${position}`, a1, a2 });
    }
  }
  return variants;
}

function drawPositions(count: number, length: number, random: Random): Position[] {
  const positions = new Set<number>();
  while (positions.size < count) positions.add(MARGIN + random.below(length - 2 * MARGIN));
  return [...positions].sort((a, b) => a - b) as Position[];
}
