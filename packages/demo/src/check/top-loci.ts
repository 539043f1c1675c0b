import { type AssocRow, plinkNumber, type QassocRow } from "@cos/genomics";
import type { AssociationResult } from "@cos/programs";
import type { PlantedPlace } from "../cohort/prepare-cohort.ts";
import type { TopLocus } from "../report/report-data.ts";

const windowBases = 1_000_000;

/**
 * The best marker, then the best one that is more than a megabase from every better one, and so on.
 *
 * @param planted marked where one of them lies within the same window
 */
export function topLoci(
  result: AssociationResult,
  planted: readonly PlantedPlace[],
  most: number,
): TopLocus[] {
  const rows: (AssocRow | QassocRow)[] = [...result.rows];
  const ranked = rows
    .filter((row) => row.p !== null)
    .sort((a, b) => a.p! - b.p! || strengthOf(b) - strengthOf(a));
  const leads: (AssocRow | QassocRow)[] = [];
  for (const row of ranked) {
    if (leads.length === most) break;
    if (leads.every((lead) => !isNear(placeOf(lead), placeOf(row)))) leads.push(row);
  }
  return leads.map((row) => ({
    id: row.variant.id,
    contig: row.variant.contig.label,
    position: row.variant.position,
    effect: plinkNumber("oddsRatio" in row ? row.oddsRatio : row.beta),
    statistic: plinkNumber("chisq" in row ? row.chisq : row.t),
    p: plinkNumber(row.p),
    planted: planted.some((place) => isNear(place, placeOf(row))),
  }));
}

type Place = { readonly contig: string; readonly position: number };

const placeOf = ({ variant }: AssocRow | QassocRow): Place => ({
  contig: variant.contig.label,
  position: variant.position,
});

const isNear = (a: Place, b: Place): boolean =>
  a.contig === b.contig && Math.abs(a.position - b.position) <= windowBases;

/** Chi-square, or t squared: ranks markers whose P prints as 0. */
const strengthOf = (row: AssocRow | QassocRow): number =>
  "chisq" in row ? (row.chisq ?? 0) : (row.t ?? 0) ** 2;
