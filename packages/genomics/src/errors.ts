/**
 * Everything that can be wrong with a user's files. `file` is the path as the caller gave it; lines count from 1,
 * bytes from 0. No error carries an id, a genotype or a phenotype: where a value is bad, its place is named.
 */
export type GenomicsError =
  | FileError
  | BedError
  | BimFamError
  | VcfError
  | PhenotypeError
  | MatchError
  | AssociationTableError;

export type FileError =
  /** The file is missing or cannot be read; `reason` is the system's error code, e.g. ENOENT. */
  | { code: "FILE_UNREADABLE"; file: string; reason: string }
  /** A line is longer than the cap: refused before it is held in memory. */
  | { code: "LINE_TOO_LONG"; file: string; line: number; byteOffset: number; maxBytes: number }
  /** The gzip stream is damaged or ends early; `byteOffset` counts decompressed bytes read before it. */
  | { code: "GZIP_DAMAGED"; file: string; byteOffset: number; reason: string }
  /** A table that is read whole is larger than the cap. */
  | { code: "FILE_TOO_LARGE"; file: string; maxBytes: number }
  /** The file was changed between two readings. */
  | { code: "FILE_CHANGED"; file: string };

export type BedError =
  /** The first two bytes are not 0x6c 0x1b. */
  | { code: "BED_BAD_MAGIC"; file: string; byteOffset: 0 }
  /** The third byte is not 1: sample-major files (mode 0) and others are not read. */
  | { code: "BED_NOT_VARIANT_MAJOR"; file: string; byteOffset: 2; mode: number }
  /** Shorter or longer than .bim and .fam together demand; `byteOffset` is where the difference begins. */
  | { code: "BED_TRUNCATED"; file: string; byteOffset: number; expectedBytes: number; actualBytes: number }
  | { code: "BED_TOO_LONG"; file: string; byteOffset: number; expectedBytes: number; actualBytes: number };

export type BimFamError =
  | { code: "BIM_BAD_LINE"; file: string; line: number; columns: number; expected: string }
  | { code: "BIM_BAD_FIELD"; file: string; line: number; field: "centimorgan" | "position" | "allele" }
  /** The contig is not in the species' table. */
  | { code: "UNKNOWN_CONTIG"; file: string; line: number; contig: string; species: string }
  | { code: "FAM_BAD_LINE"; file: string; line: number; columns: number; expected: string }
  | { code: "FAM_BAD_FIELD"; file: string; line: number; field: "id" }
  /** Two lines name the same person. */
  | { code: "DUPLICATE_SAMPLE"; file: string; line: number; firstLine: number }
  | { code: "NO_SAMPLES"; file: string }
  | { code: "NO_VARIANTS"; file: string };

export type VcfError =
  /** The first line is not `##fileformat=VCFv4.x`. */
  | { code: "VCF_BAD_VERSION"; file: string; line: number }
  /** No `#CHROM` line, or its fixed columns are wrong. */
  | { code: "VCF_BAD_HEADER"; file: string; line: number; reason: string }
  | { code: "VCF_BAD_LINE"; file: string; line: number; columns: number; expected: string }
  | { code: "VCF_BAD_FIELD"; file: string; line: number; field: "POS" | "REF" | "ALT" | "FORMAT" }
  /** `column` counts from 1 over the whole line. */
  | { code: "VCF_BAD_GENOTYPE"; file: string; line: number; column: number; reason: string }
  /** A half-missing call where the caller asked for refusal. */
  | { code: "VCF_HALF_CALL"; file: string; line: number; column: number }
  /** A multi-allelic record where the caller asked for refusal; `record` is CHROM:POS:REF:ALT. */
  | { code: "VCF_MULTIALLELIC"; file: string; line: number; record: string }
  | { code: "TOO_MANY_VARIANTS"; file: string; line: number; maxVariants: number };

export type PhenotypeError =
  /** The header has no IID column. */
  | { code: "PHENOTYPE_NO_ID_COLUMN"; file: string; line: number }
  | { code: "PHENOTYPE_DUPLICATE_COLUMN"; file: string; line: number; column: string }
  | { code: "PHENOTYPE_NO_COLUMN"; file: string; column: string; available: readonly string[] }
  | { code: "PHENOTYPE_BAD_LINE"; file: string; line: number; columns: number; expected: number }
  /** A quotation mark that is not closed, or stands inside a field. */
  | { code: "PHENOTYPE_BAD_QUOTES"; file: string; line: number }
  /** Not a number and not a missing code. */
  | { code: "PHENOTYPE_BAD_VALUE"; file: string; line: number; column: string }
  /** A number of more digits or a larger exponent than any measurement has. */
  | { code: "PHENOTYPE_OUT_OF_RANGE"; file: string; line: number; column: string }
  /** A case/control column without a case or without a control; 0/1 coding looks like this, PLINK's is 1/2. */
  | {
      code: "PHENOTYPE_ONE_GROUP";
      file: string;
      column: string;
      cases: number;
      controls: number;
      missing: number;
    }
  /** No value at all in the column. */
  | { code: "PHENOTYPE_ALL_MISSING"; file: string; column: string; samples: number }
  | { code: "SEX_COUNT_MISMATCH"; samples: number; sexes: number };

export type MatchError = {
  /** The two files do not name the same people. Counts only: which people is the owner's to look up. */
  code: "SAMPLES_DO_NOT_MATCH";
  file: string;
  genotyped: number;
  phenotyped: number;
  matched: number;
  onlyGenotyped: number;
  onlyPhenotyped: number;
};

export type AssociationTableError =
  | { code: "ASSOCIATION_BAD_HEADER"; line: number }
  | { code: "ASSOCIATION_BAD_LINE"; line: number; columns: number; expected: number };
