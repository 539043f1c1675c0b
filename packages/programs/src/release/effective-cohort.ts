import { err, type Manifest, ok, type Result } from "@cos/protocol";
import type { OwnerState } from "../encode/owner-state.ts";

/** The people that a table was computed over, as secret rows: never leaves the owner's side. */
export type ReleasedCohort = {
  /** Traits that measure the same thing share a family; by default the trait's name. */
  traitFamily: string;
  rows: readonly number[];
};

/**
 * Everybody with a value for the trait in the segments that took part.
 * @returns stream indexes, ascending; the same person keeps the same row through all versions
 */
export function effectiveCohort(
  manifest: Manifest,
  state: OwnerState,
  trait: string,
  segments: readonly string[],
): number[] {
  return inSegments(state.traits[trait]?.phenotyped ?? [], manifest, segments);
}

/** People in each group of the effective cohort: cases and controls, or everybody measured. Known before any decryption. */
export function groupSizes(
  manifest: Manifest,
  state: OwnerState,
  trait: string,
  segments: readonly string[],
): number[] {
  const measured = effectiveCohort(manifest, state, trait, segments).length;
  const known = state.traits[trait];
  if (known?.kind !== "binary") return [measured];
  const cases = inSegments(known.cases, manifest, segments).length;
  return [cases, measured - cases];
}

function inSegments(rows: readonly number[], manifest: Manifest, segments: readonly string[]): number[] {
  const ranges = manifest.segments
    .filter((s) => segments.includes(s.id))
    .map((s) => [s.firstRow, s.firstRow + s.rowsPadded] as const);
  return rows.filter((row) => ranges.some(([from, to]) => row >= from && row < to)).sort((a, b) => a - b);
}

/**
 * Refuses a cohort that differs from one already released by a few people: the difference of the two tables is about
 * them alone (often the one person who withdrew). Equal cohorts are fine: equal requests give equal bytes.
 */
export function checkDifferencing(
  cohort: ReleasedCohort,
  released: readonly ReleasedCohort[],
  maxFewPeople: number,
): Result<null, { code: "COHORT_DIFFERS_BY_FEW"; people: number; maxFewPeople: number }> {
  const rows = new Set(cohort.rows);
  for (const earlier of released) {
    if (earlier.traitFamily !== cohort.traitFamily) continue;
    const shared = earlier.rows.filter((row) => rows.has(row)).length;
    const people = rows.size + new Set(earlier.rows).size - 2 * shared;
    if (people > 0 && people <= maxFewPeople) {
      return err({ code: "COHORT_DIFFERS_BY_FEW", people, maxFewPeople });
    }
  }
  return ok(null);
}
