import type { JobQuote } from "@cos/client";
import type { AssociationResult } from "@cos/programs";
import type { DemoCohort } from "../cohort/prepare-cohort.ts";
import type { DemoOptions } from "../demo-options.ts";

export interface MethodFacts {
  readonly cohort: DemoCohort;
  readonly simulation: DemoOptions["simulation"];
  readonly people: number;
  readonly rowsPadded: number;
  readonly result: AssociationResult;
  readonly program: string;
  readonly quote: JobQuote;
  /** Decimals at which a quantity was encrypted. */
  readonly decimals: number | undefined;
  readonly engine: string;
  readonly readerNotes: Readonly<Record<string, number>>;
}

/** The methods in sentences, with this run's own numbers. */
export function methodsParagraphs(facts: MethodFacts): string[] {
  const { cohort, result, people, rowsPadded } = facts;
  const data = cohort.simulated
    ? `The cohort is ${cohort.source}: ${facts.simulation.people.toLocaleString("en")} people as mosaics of 96 ancestral haplotypes (Li and Stephens 2003) at ${facts.simulation.variants.toLocaleString("en")} sites of ${facts.simulation.chromosomes === 22 ? "the 22 human autosomes" : `the first ${facts.simulation.chromosomes} human autosomes, the same number on each, because a ciphertext holds 2,048 sites of one chromosome`}, so that neighbouring sites are in linkage disequilibrium; 1 % of the calls are missing at random; ${cohort.planted.length} loci have an effect. Nothing in it stems from a person.`
    : `The genotypes were read from ${cohort.source}${noteWords(facts.readerNotes)}; the trait is the column ${cohort.traitName}.`;
  const test =
    result.kind === "assoc"
      ? "Each marker was tested with Pearson's chi-square on the 2 x 2 table of alleles by cases and controls, one degree of freedom, no continuity correction (PLINK 1.9 --assoc)."
      : `Each marker was tested by simple linear regression of the trait on the dosage of A1 with Wald's test (PLINK 1.9 --assoc on a quantitative trait). The trait was encrypted as whole numbers of 10^-${facts.decimals ?? 0}; the plaintext path rounds to the same unit, and every sum is exact.`;
  return [
    data,
    `${test} The tests are unadjusted: no covariates, no principal components, no correction for relatedness. A1 is the minor allele over all ${people.toLocaleString("en")} people, phenotyped or not; a tie keeps the file's order. Called counts alleles, not people. Males count once on X and Y, everybody once on MT. A missing genotype adds nothing to any sum, and nothing is imputed.`,
    `Genotypes and trait were encrypted at home with the BGV scheme under one fresh key (128-bit security), one row of ciphertexts a person, in secretly permuted rows padded to ${rowsPadded.toLocaleString("en")}. Two workers evaluated the program ${facts.program} on ciphertexts (engine: ${facts.engine}), ${facts.quote.tasks} tasks each, and had to agree on every byte. The sums came back encrypted; the statistics were finished in the clear on the hospital's machine, after the result had been checked against permit, program, inputs, plan and both workers' signatures.`,
    "The plaintext path reads the same files again and counts from PLINK's two-bit codes, or from the VCF, without sharing rows, packing or sums with the encrypted path.",
  ];
}

function noteWords(notes: Readonly<Record<string, number>>): string {
  const said: string[] = [];
  if (notes.splitRecords) said.push(`${notes.splitRecords} multi-allelic records were split`);
  if (notes.halfCalls) said.push(`${notes.halfCalls} half-missing calls were taken as missing`);
  if (notes.haploidCalls) said.push(`${notes.haploidCalls} haploid calls`);
  return said.length === 0 ? "" : ` (${said.join(", ")})`;
}
