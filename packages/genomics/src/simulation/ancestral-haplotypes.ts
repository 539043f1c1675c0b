import type { Variant } from "../variant.ts";
import type { Random } from "./random.ts";

const ANCESTORS = 96;
/** Correlation of neighbouring ancestral sites falls by e over this many bases. */
const ANCESTRAL_SCALE = 600_000;
/**
 * Mean length of a piece that a person inherits from one ancestor, in bases. Long, as in a young population:
 * 20,000 sites lie 140 kb apart, and disequilibrium should reach a site's neighbours.
 */
const MOSAIC_SCALE = 3_000_000;

/**
 * Copies of A1 (0..2) per site and person, variant-major. Ancestral haplotypes are a Gaussian process along the
 * chromosome cut at each site's frequency; each of a person's two haplotypes is a mosaic of them.
 */
export function simulateHaplotypes(variants: readonly Variant[], people: number, random: Random): Uint8Array {
  const ancestors = drawAncestors(variants, random);
  const byPerson = new Uint8Array(people * variants.length);
  for (let haplotype = 0; haplotype < 2 * people; haplotype++) {
    const base = (haplotype >> 1) * variants.length;
    for (let v = 0; v < variants.length; ) {
      const end = endOfPiece(variants, v, random);
      const ancestor = random.below(ANCESTORS) * variants.length;
      for (; v < end; v++) byPerson[base + v]! += ancestors[ancestor + v]!;
    }
  }
  return transpose(byPerson, people, variants.length);
}

/** ANCESTORS rows of 0/1, one per site. */
function drawAncestors(variants: readonly Variant[], random: Random): Uint8Array {
  const keep = variants.map((_, v) => Math.exp(-distanceBefore(variants, v) / ANCESTRAL_SCALE));
  const spread = keep.map((rho) => Math.sqrt(1 - rho * rho));
  const latent = Array.from({ length: ANCESTORS }, () => random.normal());
  const rows = new Uint8Array(ANCESTORS * variants.length);
  for (let v = 0; v < variants.length; v++) {
    for (let a = 0; a < ANCESTORS; a++) latent[a] = keep[v]! * latent[a]! + spread[v]! * random.normal();
    const carriers = drawCarriers(random);
    const threshold = latent.toSorted((x, y) => y - x)[carriers - 1]!;
    for (let a = 0; a < ANCESTORS; a++) rows[a * variants.length + v] = Number(latent[a]! >= threshold);
  }
  return rows;
}

/** How many ancestors carry A1: rarer alleles are likelier (density 1 / frequency), up to one half. */
function drawCarriers(random: Random): number {
  const least = 2;
  const most = ANCESTORS / 2;
  return Math.floor(least * ((most + 1) / least) ** random.uniform());
}

const distanceBefore = (variants: readonly Variant[], v: number): number => {
  const [previous, site] = [variants[v - 1], variants[v]!];
  return previous?.contig === site.contig ? site.position - previous.position : Number.POSITIVE_INFINITY;
};

/** The first site after the piece that begins at `start`: an exponential length, or the chromosome's end. */
function endOfPiece(variants: readonly Variant[], start: number, random: Random): number {
  const { contig, position } = variants[start]!;
  const lastBase = position - MOSAIC_SCALE * Math.log(1 - random.uniform());
  let end = start + 1;
  while (end < variants.length && variants[end]!.contig === contig && variants[end]!.position <= lastBase)
    end++;
  return end;
}

function transpose(byPerson: Uint8Array, people: number, variants: number): Uint8Array {
  const bySite = new Uint8Array(byPerson.length);
  const tile = 64;
  for (let s0 = 0; s0 < people; s0 += tile) {
    for (let v0 = 0; v0 < variants; v0 += tile) {
      for (let s = s0; s < Math.min(people, s0 + tile); s++) {
        for (let v = v0; v < Math.min(variants, v0 + tile); v++)
          bySite[v * people + s] = byPerson[s * variants + v]!;
      }
    }
  }
  return bySite;
}
