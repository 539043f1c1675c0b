import type { OwnerState, TraitState } from "@cos/programs";
import type { Manifest } from "@cos/protocol";

/** Segments that the owner encrypted and that the published manifest does not hold. */
export const unpublishedSegments = (state: OwnerState, published: Manifest): string[] => {
  const known = new Set(published.segments.map((segment) => segment.id));
  return Object.keys(state.segments).filter((id) => !known.has(id));
};

/** The owner's state without people who were appended and never published: as it was before that append. */
export function dropUnpublished(state: OwnerState, published: Manifest): OwnerState {
  const dropped = new Set(unpublishedSegments(state, published));
  const gone = new Set(
    [...dropped].flatMap((id) => state.segments[id]?.people.map(([, , row]) => row) ?? []),
  );
  const kept = (rows: readonly number[]): number[] => rows.filter((row) => !gone.has(row));
  const dropRows = (trait: TraitState): TraitState =>
    trait.kind === "binary"
      ? { ...trait, phenotyped: kept(trait.phenotyped), cases: kept(trait.cases) }
      : { ...trait, phenotyped: kept(trait.phenotyped) };
  return {
    ...state,
    segments: Object.fromEntries(Object.entries(state.segments).filter(([id]) => !dropped.has(id))),
    traits: Object.fromEntries(Object.entries(state.traits).map(([name, trait]) => [name, dropRows(trait)])),
  };
}
