import { assertNever } from "@cos/protocol";
import type { GenomicsError } from "./errors.ts";

const placed = (error: { file: string; line: number }): string => `${error.file}, line ${error.line}`;

/** One sentence for the person at the keyboard: where, what, and what to do. Holds no id and no value of the data. */
export function describeGenomicsError(error: GenomicsError): string {
  switch (error.code) {
    case "FILE_UNREADABLE":
      return `${error.file} cannot be read (${error.reason}).`;
    case "FILE_TOO_LARGE":
      return `${error.file} is larger than ${error.maxBytes} bytes; a table of people is not.`;
    case "FILE_CHANGED":
      return `${error.file} was changed while it was being read; start again.`;
    case "LINE_TOO_LONG":
      return `${placed(error)} (byte ${error.byteOffset}): longer than ${error.maxBytes} bytes.`;
    case "GZIP_DAMAGED":
      return `${error.file} is damaged or cut off after ${error.byteOffset} decompressed bytes (${error.reason}).`;
    case "BED_BAD_MAGIC":
      return `${error.file}, byte 0: not a PLINK 1 .bed file.`;
    case "BED_NOT_VARIANT_MAJOR":
      return `${error.file}, byte 2: mode ${error.mode}; only variant-major files (mode 1) are read. Convert it with plink --make-bed.`;
    case "BED_TRUNCATED":
      return `${error.file} ends at byte ${error.byteOffset}; .bim and .fam ask for ${error.expectedBytes} bytes.`;
    case "BED_TOO_LONG":
      return `${error.file} goes on after byte ${error.byteOffset} (${error.actualBytes} bytes): .bim or .fam belongs to other data.`;
    case "BIM_BAD_LINE":
    case "FAM_BAD_LINE":
    case "VCF_BAD_LINE":
    case "PHENOTYPE_BAD_LINE":
      return `${placed(error)}: ${error.columns} columns where ${error.expected} belong.`;
    case "BIM_BAD_FIELD":
    case "FAM_BAD_FIELD":
    case "VCF_BAD_FIELD":
      return `${placed(error)}: the ${error.field} is not valid.`;
    case "UNKNOWN_CONTIG":
      return `${placed(error)}: contig ${error.contig} is no chromosome of ${error.species}; name the species, or keep unknown contigs.`;
    case "DUPLICATE_SAMPLE":
      return `${placed(error)}: a sample that was already on line ${error.firstLine}.`;
    case "NO_SAMPLES":
      return `${error.file} holds no samples.`;
    case "NO_VARIANTS":
      return `${error.file} holds no variants.`;
    case "VCF_BAD_VERSION":
      return `${placed(error)}: not "##fileformat=VCFv4.x".`;
    case "VCF_BAD_HEADER":
      return `${placed(error)}: ${error.reason}.`;
    case "VCF_BAD_GENOTYPE":
      return `${placed(error)}, column ${error.column}: ${error.reason}.`;
    case "VCF_HALF_CALL":
      return `${placed(error)}, column ${error.column}: one allele of the call is missing; read half-missing calls as missing, or correct it.`;
    case "VCF_MULTIALLELIC":
      return `${placed(error)}: ${error.record} has several ALT alleles; allow splitting, or split it with bcftools norm -m-.`;
    case "TOO_MANY_VARIANTS":
      return `${placed(error)}: more than ${error.maxVariants} variants; split the file.`;
    case "PHENOTYPE_NO_ID_COLUMN":
      return `${placed(error)}: the header names no column IID.`;
    case "PHENOTYPE_DUPLICATE_COLUMN":
      return `${placed(error)}: the column ${error.column} occurs twice.`;
    case "PHENOTYPE_NO_COLUMN":
      return `${error.file} has no column ${error.column}; it has ${error.available.join(", ")}.`;
    case "PHENOTYPE_BAD_QUOTES":
      return `${placed(error)}: a quotation mark is out of place.`;
    case "PHENOTYPE_BAD_VALUE":
      return `${placed(error)}, column ${error.column}: neither a value of this kind nor a missing code (NA, -9).`;
    case "PHENOTYPE_OUT_OF_RANGE":
      return `${placed(error)}, column ${error.column}: more than 40 digits, or beyond 10^60.`;
    case "PHENOTYPE_ONE_GROUP":
      return `${error.file}, column ${error.column}: ${error.cases} cases, ${error.controls} controls, ${error.missing} missing. The codes are 1 for a control and 2 for a case.`;
    case "PHENOTYPE_ALL_MISSING":
      return `${error.file}, column ${error.column}: no value for any of ${error.samples} samples.`;
    case "SEX_COUNT_MISMATCH":
      return `${error.sexes} sexes for ${error.samples} samples.`;
    case "SAMPLES_DO_NOT_MATCH":
      return `${error.file}: ${error.matched} samples match; ${error.onlyGenotyped} of ${error.genotyped} genotyped have no row, ${error.onlyPhenotyped} of ${error.phenotyped} rows have no genotypes.`;
    case "ASSOCIATION_BAD_HEADER":
      return "line 1: neither the header of a .assoc nor of a .qassoc table.";
    case "ASSOCIATION_BAD_LINE":
      return `line ${error.line}: ${error.columns} columns where ${error.expected} belong.`;
    default:
      return assertNever(error);
  }
}
