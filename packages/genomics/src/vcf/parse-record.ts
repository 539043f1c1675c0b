import { err, ok, type Result } from "@cos/protocol";
import VCFParser, { type Variant as VcfLine } from "@gmod/vcf";
import { parsePosition } from "../coordinates.ts";
import type { BimFamError, VcfError } from "../errors.ts";
import { HET, HOM_A1, HOM_A2, MISSING } from "../genotype-block.ts";
import { type ContigPolicy, contigResolver } from "../resolve-contig.ts";
import type { TextLine } from "../text/text-lines.ts";
import type { Variant } from "../variant.ts";
import { GenotypeParser, UNKNOWN_ALLELE } from "./parse-genotype.ts";

export interface RecordPolicy extends ContigPolicy {
  /** `split` (default): one variant per ALT, other ALTs counted as "not A1". `refuse`: an error names the record. */
  readonly multiallelic?: "split" | "refuse";
  /** Calls such as 0/. : `missing` (default; counted in the notes) or `refuse` (as `plink --vcf-half-call error`). */
  readonly halfCalls?: "missing" | "refuse";
}

/** One line: one variant per ALT, and the packed codes of its calls. */
export interface ParsedRecord {
  readonly variants: readonly Variant[];
  /** `variants.length * samples` two-bit codes, variant-major. */
  readonly codes: Uint8Array;
  readonly halfCalls: number;
  readonly haploidCalls: number;
}

/** Fixed columns before the samples: CHROM POS ID REF ALT QUAL FILTER INFO FORMAT. */
export const FIXED_COLUMNS = 9;

const REF = /^[ACGTNRYSWKMBDHV]+$/i;
/** Bases, a missing or spanning allele, a symbolic allele, or a breakend. */
const ALT =
  /^(?:[ACGTNRYSWKMBDHV]+|\*|<[^<>,\s]+>|[^\s,<>]*[[\]][^\s,<>]+[[\]][^\s,<>]*|\.[ACGTN]+|[ACGTN]+\.)$/i;

/**
 * Makes the parser of a file's data lines. @gmod/vcf takes the line apart and finds the GT columns;
 * what it lets pass (wrong column counts, odd positions and alleles) is refused here.
 *
 * @param columnLine the #CHROM line. No other header line reaches the parser: it keeps them in plain objects by
 *   their names, which a hostile file chooses
 */
export function recordParser(file: string, columnLine: string, samples: number, policy: RecordPolicy) {
  const parser = new VCFParser({ header: columnLine, strict: false });
  const resolve = contigResolver(policy);
  const expected = FIXED_COLUMNS + samples;

  return ({ text, number: line }: TextLine): Result<ParsedRecord, VcfError | BimFamError> => {
    const columns = countColumns(text);
    if (columns !== expected) {
      return err({ code: "VCF_BAD_LINE", file, line, columns, expected: String(expected) });
    }
    const record = parser.parseLine(text);
    const sites = toVariants(file, line, record, text, policy, resolve);
    if (!sites.ok) return sites;
    if (!record.FORMAT?.split(":").includes("GT"))
      return err({ code: "VCF_BAD_FIELD", file, line, field: "FORMAT" });
    return readCalls(file, line, record, { variants: sites.value, samples, policy });
  };
}

function toVariants(
  file: string,
  line: number,
  record: VcfLine,
  text: string,
  policy: RecordPolicy,
  resolve: ReturnType<typeof contigResolver>,
): Result<Variant[], VcfError | BimFamError> {
  const posStart = text.indexOf("\t") + 1;
  const position = parsePosition(text.slice(posStart, text.indexOf("\t", posStart)));
  if (position === undefined) return err({ code: "VCF_BAD_FIELD", file, line, field: "POS" });
  const { CHROM: chrom = "", REF: ref = "", ALT: alts = ["0"] } = record;
  if (!REF.test(ref)) return err({ code: "VCF_BAD_FIELD", file, line, field: "REF" });
  const all = [ref, ...alts].map((allele) => allele.toUpperCase());
  const valid = record.ALT === undefined || alts.every((alt) => ALT.test(alt));
  if (!valid || new Set(all).size !== all.length)
    return err({ code: "VCF_BAD_FIELD", file, line, field: "ALT" });
  const contig = resolve(chrom, position);
  if (!contig.ok) return err({ code: "UNKNOWN_CONTIG", file, line, ...contig.error });

  const site = { contig: contig.value, position, id: record.ID?.join(";") ?? ".", a2: ref };
  if (alts.length === 1) return ok([{ ...site, a1: alts[0]! }]);
  const name = `${chrom}:${position}:${ref}:${alts.join(",")}`;
  if (policy.multiallelic === "refuse") return err({ code: "VCF_MULTIALLELIC", file, line, record: name });
  return ok(alts.map((alt) => ({ ...site, a1: alt, parentOfSplit: name })));
}

interface CallContext {
  readonly variants: readonly Variant[];
  readonly samples: number;
  readonly policy: RecordPolicy;
}

function readCalls(
  file: string,
  line: number,
  record: VcfLine,
  { variants, samples, policy }: CallContext,
): Result<ParsedRecord, VcfError> {
  const codes = new Uint8Array(variants.length * samples);
  const genotype = new GenotypeParser();
  const maxAllele = record.ALT === undefined ? 0 : variants.length;
  let halfCalls = 0;
  let haploidCalls = 0;
  let fault: VcfError | undefined;
  record.processGenotypes((text, start, end, sample) => {
    if (fault !== undefined) return;
    const column = FIXED_COLUMNS + sample + 1;
    const reason = genotype.parse(text, start, end, maxAllele);
    if (reason !== undefined) {
      fault = { code: "VCF_BAD_GENOTYPE", file, line, column, reason };
      return;
    }
    const { first, second, haploid } = genotype;
    const unknown = Number(first === UNKNOWN_ALLELE) + Number(second === UNKNOWN_ALLELE);
    if (unknown === 1 && policy.halfCalls === "refuse") fault = { code: "VCF_HALF_CALL", file, line, column };
    if (unknown === 1) halfCalls++;
    if (haploid && unknown === 0) haploidCalls++;
    for (let v = 0; v < variants.length; v++) {
      codes[v * samples + sample] = unknown > 0 ? MISSING : codeOf(first, second, v + 1);
    }
  });
  return fault === undefined ? ok({ variants, codes, halfCalls, haploidCalls }) : err(fault);
}

function codeOf(first: number, second: number, counted: number): number {
  if (first === counted) return second === counted ? HOM_A1 : HET;
  return second === counted ? HET : HOM_A2;
}

function countColumns(text: string): number {
  let columns = 1;
  for (let at = text.indexOf("\t"); at !== -1; at = text.indexOf("\t", at + 1)) columns++;
  return columns;
}
