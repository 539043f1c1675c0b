export * from "./association/assoc-row.ts";
export * from "./association/association-tsv.ts";
export { plaintextAssoc } from "./association/plaintext-assoc.ts";
export * from "./association/plaintext-qassoc.ts";
export * from "./association/qassoc-row.ts";
export type { PlaintextOptions } from "./association/read-in-blocks.ts";
export * from "./coordinates.ts";
export * from "./describe-error.ts";
export type * from "./errors.ts";
export * from "./format/plink-number.ts";
export * from "./genotype-block.ts";
export * from "./genotype-source.ts";
export * from "./phenotype/decimal.ts";
export * from "./phenotype/match-samples.ts";
export * from "./phenotype/read-phenotype-table.ts";
export * from "./phenotype/read-trait.ts";
export * from "./phenotype/trait.ts";
export { openPlink, type PlinkOptions } from "./plink/open-plink.ts";
export { writePlink } from "./plink/write-plink.ts";
export type { ContigPolicy } from "./resolve-contig.ts";
export * from "./sample.ts";
export {
  type CohortRequest,
  type PlantedLocus,
  SIMULATED_TRAITS,
  type SimulatedCohort,
  simulateCohort,
} from "./simulation/simulate-cohort.ts";
export { writeCohort } from "./simulation/write-cohort.ts";
export * from "./species.ts";
export * from "./statistics/allelic-test.ts";
export * from "./statistics/choose-a1.ts";
export * from "./statistics/genomic-inflation.ts";
export * from "./statistics/linear-regression.ts";
export * from "./statistics/tails.ts";
export * from "./variant.ts";
export { openVcf, type VcfOptions } from "./vcf/open-vcf.ts";
