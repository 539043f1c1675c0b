import { type Trait as PhenotypeTrait, STATUS_CASE, STATUS_MISSING } from "@cos/genomics";
import type { FixedPoint } from "./fixed-point.ts";
import type { TraitState } from "./owner-state.ts";

/** What the owner keeps of a trait before anybody is encrypted. */
export function emptyTraitState(fixedPoint: FixedPoint | undefined): TraitState {
  if (fixedPoint === undefined) return { kind: "binary", phenotyped: [], cases: [] };
  return { kind: "quantitative", phenotyped: [], ...fixedPoint, offset: String(fixedPoint.offset) };
}

/** The encoding of a quantitative trait, as the owner kept it. */
export const toFixedPointState = (state: TraitState | undefined): FixedPoint | undefined =>
  state?.kind === "quantitative"
    ? {
        decimals: state.decimals,
        offset: BigInt(state.offset),
        valueDigits: state.valueDigits,
        squareDigits: state.squareDigits,
      }
    : undefined;

/** Whether a person has a value. @param person index; undefined: nobody whom the trait speaks of */
export function isMeasured(trait: PhenotypeTrait, person: number | undefined): boolean {
  if (person === undefined) return false;
  return trait.kind === "case-control"
    ? trait.status[person] !== STATUS_MISSING
    : trait.values[person] !== null;
}

/** Notes in the owner's secret state that the person in `row` was measured, and whether as a case. */
export function recordPerson(state: TraitState, trait: PhenotypeTrait, person: number, row: number): void {
  if (isMeasured(trait, person)) state.phenotyped.push(row);
  const isCase = trait.kind === "case-control" && trait.status[person] === STATUS_CASE;
  if (isCase && state.kind === "binary") state.cases.push(row);
}

/** Ascending rows say nothing about the order in which people came. */
export function sortRows(state: TraitState): void {
  state.phenotyped.sort((a, b) => a - b);
  if (state.kind === "binary") state.cases.sort((a, b) => a - b);
}

/** Adds a segment's people to what the owner keeps of a trait. */
export function addPhenotyped(
  state: TraitState,
  personOfRow: Int32Array,
  firstRow: number,
  trait: PhenotypeTrait,
): void {
  for (const [row, person] of personOfRow.entries()) {
    if (person >= 0) recordPerson(state, trait, person, firstRow + row);
  }
  sortRows(state);
}
