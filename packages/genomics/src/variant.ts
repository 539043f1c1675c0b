import type { Position } from "./coordinates.ts";
import type { Contig } from "./species.ts";

/** One biallelic site, in the orientation of its file. */
export interface Variant {
  readonly contig: Contig;
  /** 1-based; 0 where the file says "unknown". */
  readonly position: Position | 0;
  readonly id: string;
  /** The counted allele: .bim column 5, or the ALT of a VCF. "0" means that no such allele was seen. */
  readonly a1: string;
  /** .bim column 6, or the REF of a VCF. */
  readonly a2: string;
  /** `CHROM:POS:REF:ALT1,ALT2` of the multi-allelic record that this variant was split from. */
  readonly parentOfSplit?: string;
}
