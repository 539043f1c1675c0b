/** Classes of release, from DESIGN.md section 9. The owner's own view is no release and has no class. */
export type ReleaseClass = "controlled" | "open-deposit" | "lead-loci";

/** Numbers of a release policy. The defaults are the floor: an owner may tighten them, never loosen them. */
export type ReleasePolicy = {
  /** People in each group (cases, controls; everybody for a quantity). */
  minGroup: number;
  /** Copies of the rarer allele, groups pooled. */
  minMinorAlleles: number;
  /** Carriers of each allele in each group (open deposit only). */
  minCarriers: number;
  /** A cohort that differs from a released one by 1 to this many people is refused. */
  maxFewPeople: number;
  /** Different people who approved the release (controlled and open deposit). */
  minApprovers: number;
  /** Independent loci that may ever leave under `lead-loci`, over all releases of the dataset. */
  maxLeadLoci: number;
  /** Half-width of a locus in base pairs, and the largest P of a lead variant. */
  locusWindow: number;
  leadP: number;
};

export const defaultPolicy: Readonly<ReleasePolicy> = Object.freeze({
  minGroup: 100,
  minMinorAlleles: 20,
  minCarriers: 21,
  maxFewPeople: 20,
  minApprovers: 2,
  maxLeadLoci: 20,
  locusWindow: 500_000,
  leadP: 5e-8,
});

/** The owner's numbers, wherever they are tighter than the defaults. */
export function tightenPolicy(wanted: Partial<ReleasePolicy>): ReleasePolicy {
  const atLeast = (
    key: "minGroup" | "minMinorAlleles" | "minCarriers" | "maxFewPeople" | "minApprovers" | "locusWindow",
  ) => Math.max(defaultPolicy[key], wanted[key] ?? 0);
  return {
    minGroup: atLeast("minGroup"),
    minMinorAlleles: atLeast("minMinorAlleles"),
    minCarriers: atLeast("minCarriers"),
    maxFewPeople: atLeast("maxFewPeople"),
    minApprovers: atLeast("minApprovers"),
    locusWindow: atLeast("locusWindow"),
    maxLeadLoci: Math.min(defaultPolicy.maxLeadLoci, wanted.maxLeadLoci ?? defaultPolicy.maxLeadLoci),
    leadP: Math.min(defaultPolicy.leadP, wanted.leadP ?? defaultPolicy.leadP),
  };
}
