const SLASH = 47;
const PIPE = 124;
const DOT = 46;
const ZERO = 48;
const NINE = 57;

/** Allele index of "." */
export const UNKNOWN_ALLELE = -1;

/** Why a GT is not one of one or two alleles. */
export type GenotypeFault = "not a GT" | "more than two alleles" | "allele index outside ALT";

/**
 * Reads GT values, phased or not, of one or two alleles, into `first` and `second` (index of the allele, -1 for ".").
 * A haploid call has `haploid` set and both alleles equal. VCF 4.4's leading phase mark is taken; an absent value
 * (trailing fields dropped) is missing.
 */
export class GenotypeParser {
  first = UNKNOWN_ALLELE;
  second = UNKNOWN_ALLELE;
  haploid = false;

  /**
   * @param text a string that holds the GT at `start..end`
   * @param maxAllele the number of ALT alleles
   * @returns undefined when the call was read, else what is wrong with it
   */
  parse(text: string, start: number, end: number, maxAllele: number): GenotypeFault | undefined {
    this.haploid = false;
    this.first = UNKNOWN_ALLELE;
    this.second = UNKNOWN_ALLELE;
    let at = start;
    if (at < end && isSeparator(text.charCodeAt(at))) at++;
    if (at >= end) return at === start ? undefined : "not a GT";
    let alleles = 0;
    for (;;) {
      let allele = UNKNOWN_ALLELE;
      if (text.charCodeAt(at) === DOT) {
        at++;
      } else {
        const digits = at;
        allele = 0;
        for (; at < end && isDigit(text.charCodeAt(at)) && at - digits < 6; at++) {
          allele = allele * 10 + text.charCodeAt(at) - ZERO;
        }
        if (at === digits) return "not a GT";
        if (allele > maxAllele) return "allele index outside ALT";
      }
      alleles++;
      if (alleles === 1) this.first = allele;
      else if (alleles === 2) this.second = allele;
      else return "more than two alleles";
      if (at === end) break;
      if (!isSeparator(text.charCodeAt(at))) return "not a GT";
      at++;
    }
    if (alleles === 1) {
      this.haploid = true;
      this.second = this.first;
    }
    return undefined;
  }
}

const isSeparator = (code: number): boolean => code === SLASH || code === PIPE;
const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;
