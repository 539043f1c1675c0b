import { err, ok, type Result } from "@cos/protocol";
import type { AssociationResult } from "../finalise/finalise.ts";
import { checkDifferencing, type ReleasedCohort } from "./effective-cohort.ts";
import type { ReleaseClass, ReleasePolicy } from "./policy.ts";
import { type Candidate, type ReleasedRow, toCandidates } from "./released-row.ts";

export type ReleaseRequest = {
  class: ReleaseClass;
  policy: ReleasePolicy;
  result: AssociationResult;
  /** People in each group of the whole cohort: cases and controls, or everybody measured. */
  groups: readonly number[];
  cohort: ReleasedCohort;
  /** Every cohort that was ever released from this dataset, all versions. */
  released: readonly ReleasedCohort[];
  approvedBy: readonly string[];
  /** Open deposit: the institution certifies that the data are not sensitive and that consent allows it. */
  certified?: boolean;
  /** Lead loci: ids of lead variants that left before, over all releases. */
  earlierLeads?: readonly string[];
};

export type ReleaseError =
  | { code: "COHORT_DIFFERS_BY_FEW"; people: number; maxFewPeople: number }
  | { code: "GROUP_TOO_SMALL"; people: number; minGroup: number }
  | { code: "APPROVAL_MISSING"; have: number; need: number }
  | { code: "CERTIFICATION_MISSING" }
  | { code: "LEAD_LOCI_USED_UP"; used: number; maxLeadLoci: number };

/** What the grantee receives, and what was kept back, counted by reason. */
export type Release = {
  class: ReleaseClass;
  rows: ReleasedRow[];
  suppressed: { total: number; group: number; minorAlleles: number; carriers: number; notLead: number };
  /** GWAS-SSF's `minor_allele_freq_lower_limit`: no released line has a rarer allele. Null when no line was released. */
  minorAlleleFrequencyLowerLimit: number | null;
};

/** Applies one class of the output policy to an owner's table. Pure: equal requests give equal releases. */
export function releaseResult(request: ReleaseRequest): Result<Release, ReleaseError> {
  const { policy, groups } = request;
  const differs = checkDifferencing(request.cohort, request.released, policy.maxFewPeople);
  if (!differs.ok) return differs;
  const smallest = Math.min(...groups);
  if (smallest < policy.minGroup) {
    return err({ code: "GROUP_TOO_SMALL", people: smallest, minGroup: policy.minGroup });
  }
  const approvers = new Set(request.approvedBy).size;
  if (approvers < policy.minApprovers) {
    return err({ code: "APPROVAL_MISSING", have: approvers, need: policy.minApprovers });
  }
  if (request.class === "open-deposit" && request.certified !== true) {
    return err({ code: "CERTIFICATION_MISSING" });
  }
  const suppressed = { total: 0, group: 0, minorAlleles: 0, carriers: 0, notLead: 0 };
  const allowed = toCandidates(request.result).filter((candidate) => {
    const reason = reasonToSuppress(candidate, request.class, policy);
    if (reason !== undefined) suppressed[reason] += 1;
    return reason === undefined;
  });
  const chosen = request.class === "lead-loci" ? chooseLeads(allowed, request) : ok(allowed);
  if (!chosen.ok) return chosen;
  suppressed.notLead = allowed.length - chosen.value.length;
  suppressed.total = suppressed.group + suppressed.minorAlleles + suppressed.carriers + suppressed.notLead;
  const rows = chosen.value.map((c) => c.row);
  return ok({
    class: request.class,
    rows,
    suppressed,
    minorAlleleFrequencyLowerLimit: lowestFrequency(rows),
  });
}

function reasonToSuppress(
  candidate: Candidate,
  releaseClass: ReleaseClass,
  policy: ReleasePolicy,
): "group" | "minorAlleles" | "carriers" | undefined {
  if (candidate.groups.some((people) => people < policy.minGroup)) return "group";
  if (candidate.minorAlleles < policy.minMinorAlleles) return "minorAlleles";
  if (releaseClass === "open-deposit" && candidate.carriers < policy.minCarriers) return "carriers";
  return undefined;
}

/** Greedy clumping by distance: the smallest P first, nothing else within the window; up to what is left of the cap. */
function chooseLeads(
  candidates: readonly Candidate[],
  { policy, earlierLeads = [] }: ReleaseRequest,
): Result<Candidate[], ReleaseError> {
  const earlier = new Set(earlierLeads);
  const significant = candidates
    .map((candidate, order) => ({ candidate, order, p: candidate.row.p ?? 1 }))
    .filter(({ p }) => p <= policy.leadP)
    .sort((a, b) => a.p - b.p || a.order - b.order);
  const leads: typeof significant = [];
  for (const each of significant) {
    if (leads.every((lead) => !isNear(lead.candidate, each.candidate, policy.locusWindow))) leads.push(each);
  }
  const fresh = leads.filter(({ candidate }) => !earlier.has(candidate.row.variant.id)).length;
  if (earlier.size + fresh > policy.maxLeadLoci) {
    return err({ code: "LEAD_LOCI_USED_UP", used: earlier.size, maxLeadLoci: policy.maxLeadLoci });
  }
  return ok(leads.sort((a, b) => a.order - b.order).map(({ candidate }) => candidate));
}

const isNear = (a: Candidate, b: Candidate, window: number): boolean =>
  a.row.variant.contig.label === b.row.variant.contig.label &&
  Math.abs(a.row.variant.position - b.row.variant.position) <= window;

function lowestFrequency(rows: readonly ReleasedRow[]): number | null {
  const frequencies = rows.flatMap(({ effectAlleleFrequency: f }) =>
    f === null ? [] : [Math.min(f, 1 - f)],
  );
  return frequencies.length === 0 ? null : frequencies.reduce((low, f) => Math.min(low, f));
}
