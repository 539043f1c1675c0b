import { stat } from "node:fs/promises";
import {
  describeGenomicsError,
  type GenomicsError,
  type GenotypeSource,
  matchSamples,
  openPlink,
  openVcf,
  readPhenotypeTable,
  SPECIES_NAMES,
  type SpeciesName,
  selectSexes,
  selectTrait,
  type Trait,
  type TraitKind,
  withSexes,
} from "@cos/genomics";
import type { Result } from "@cos/protocol";
import { CosFailure, factsOf } from "../failure.ts";

export type CohortFiles = {
  /** PLINK prefix, or a VCF file; one of the two. */
  readonly bfile?: string;
  readonly vcf?: string;
  readonly pheno?: string;
  /** Columns to take as traits; at least one where a phenotype file is given. */
  readonly phenoNames?: readonly string[];
  /** Takes every named trait as this kind instead of recognising it. */
  readonly kind?: TraitKind;
  readonly species?: string;
  /** Column of the phenotype file that holds sexes; a VCF has none of its own. */
  readonly sexName?: string;
  /** People in only one of the two files: `refuse` them, or take them as `missing`. */
  readonly unmatched?: "refuse" | "missing";
  /** VCF calls with one missing allele: `refuse` or take as `missing`. */
  readonly halfCalls?: "refuse" | "missing";
  /** Records with several ALT alleles: `split` or `refuse`. */
  readonly multiallelic?: "split" | "refuse";
  /** Contigs outside the species' table: `refuse`, or `keep` them as diploid. */
  readonly extraContigs?: "refuse" | "keep";
};

export type Cohort = {
  readonly source: GenotypeSource;
  readonly traits: readonly Trait[];
  /** The genotype file as it was when it was opened: an interrupted encryption goes on only with the same. */
  readonly genotypeFile?: { readonly sizeBytes: number; readonly modifiedMs: number };
};

/** Opens genotypes and phenotypes of one cohort. Faults name file and line, never a person. */
export async function openCohort(files: CohortFiles): Promise<Cohort> {
  const species = speciesOf(files.species ?? "human");
  const source = await openGenotypes(files, species);
  try {
    const { size, mtimeMs } = await stat(files.vcf ?? `${files.bfile}.bed`);
    const genotypeFile = { sizeBytes: size, modifiedMs: mtimeMs };
    return { ...(await withTraits(source, files)), genotypeFile };
  } catch (cause) {
    await source.close();
    throw cause;
  }
}

async function openGenotypes(files: CohortFiles, species: SpeciesName): Promise<GenotypeSource> {
  if ((files.bfile === undefined) === (files.vcf === undefined)) {
    throw new CosFailure("usage", "WHICH_GENOTYPES", "give either --bfile PREFIX or --vcf FILE");
  }
  const unknownContigs = files.extraContigs === "keep" ? "keep" : "refuse";
  if (files.bfile !== undefined)
    return orGenomicsFailure(await openPlink(files.bfile, { species, unknownContigs }));
  const policy = {
    species,
    unknownContigs,
    halfCalls: files.halfCalls ?? "missing",
    multiallelic: files.multiallelic ?? "split",
  } as const;
  return orGenomicsFailure(await openVcf(files.vcf ?? "", policy));
}

async function withTraits(source: GenotypeSource, files: CohortFiles): Promise<Cohort> {
  const names = files.phenoNames ?? [];
  if (files.pheno === undefined) {
    if (names.length > 0) throw new CosFailure("usage", "NO_PHENOTYPES", "--pheno-name needs --pheno FILE");
    return { source, traits: [] };
  }
  const tableOfPeople = orGenomicsFailure(await readPhenotypeTable(files.pheno));
  const match = orGenomicsFailure(
    matchSamples(source, tableOfPeople, { unmatched: files.unmatched ?? "refuse" }),
  );
  if (names.length === 0) {
    throw new CosFailure("usage", "NO_TRAIT", "name at least one trait with --pheno-name", {
      facts: { columns: tableOfPeople.columns.join(", ") },
    });
  }
  const traits = names.map((name) => orGenomicsFailure(selectTrait(tableOfPeople, name, match, files.kind)));
  if (files.sexName === undefined) return { source, traits };
  const sexes = orGenomicsFailure(selectSexes(tableOfPeople, files.sexName, match));
  return { source: orGenomicsFailure(withSexes(source, sexes)), traits };
}

function speciesOf(name: string): SpeciesName {
  const species = SPECIES_NAMES.find((each) => each === name);
  if (species !== undefined) return species;
  throw new CosFailure("usage", "SPECIES_UNKNOWN", `'${name}' is no species that this version knows`, {
    facts: { known: SPECIES_NAMES.join(", ") },
  });
}

/** The value, or the reader's error in words. */
export function orGenomicsFailure<T>(result: Result<T, GenomicsError>): T {
  if (result.ok) return result.value;
  const hint = hints[result.error.code];
  throw new CosFailure("usage", result.error.code, describeGenomicsError(result.error), {
    facts: factsOf(result.error),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** What to do about a file, where an option helps. */
const hints: Partial<Record<GenomicsError["code"], string>> = {
  UNKNOWN_CONTIG:
    "name the species with --species, or keep such contigs as diploid with --extra-contigs keep",
  SAMPLES_DO_NOT_MATCH: "take people who are in only one of the files as missing with --unmatched missing",
  VCF_MULTIALLELIC: "split such records with --multiallelic split",
  VCF_HALF_CALL: "take such calls as missing with --half-calls missing",
};
