import type { Trait as PhenotypeTrait } from "@cos/genomics";
import { type ArrayManifest, err, type Manifest, ok, type Result } from "@cos/protocol";
import { kindOf } from "./describe-arrays.ts";
import { traitColumnsOf } from "./encode-blocks.ts";
import type { OwnerState } from "./owner-state.ts";
import { toFixedPointState } from "./trait-state.ts";

export type AlignError =
  /** The trait is not aligned to the people, or not of the kind that the dataset has under that name. */
  | { code: "TRAIT_MISMATCH"; trait: string }
  | { code: "TRAIT_OUT_OF_RANGE"; trait: string }
  /** Somebody new has no value for a trait that the genotypes hold as one that everybody has. */
  | { code: "TRAIT_INCOMPLETE"; trait: string };

/** A trait with its columns for every new person; undefined where the new people have none of its values. */
export type AlignedTrait = { trait: PhenotypeTrait | undefined; columns: number[][] };

/**
 * Every trait of the dictionary, with the new people's columns; people without a value are missing.
 * @param people how many there are
 */
export function alignTraits(
  manifest: Manifest,
  ownerState: OwnerState,
  traits: readonly PhenotypeTrait[],
  people: number,
): Result<Map<string, AlignedTrait>, AlignError> {
  const aligned = new Map<string, AlignedTrait>();
  for (const trait of traits) {
    const entry = manifest.traits.find((t) => t.name === trait.name);
    if (entry === undefined || entry.kind !== kindOf(trait))
      return err({ code: "TRAIT_MISMATCH", trait: trait.name });
    const columns = traitColumnsOf(trait, toFixedPointState(ownerState.traits[trait.name]));
    if (!columns.ok) return columns;
    aligned.set(trait.name, { trait, columns: columns.value });
  }
  for (const { name } of manifest.traits) {
    if (!aligned.has(name)) aligned.set(name, { trait: undefined, columns: [] });
  }
  // Genotypes that count controls as "not a case" take nobody who is neither; a trait's own array can be made anew.
  const incomplete = manifest.arrays.find((a) => a.axes.length === 2 && lacksSomebody(a, aligned, people));
  if (incomplete === undefined) return ok(aligned);
  return err({ code: "TRAIT_INCOMPLETE", trait: incomplete.trait ?? "" });
}

/** Whether an array counts everybody as a case or a control, and one of the new people is neither. */
export function lacksSomebody(
  { trait, traitComplete }: ArrayManifest,
  traits: ReadonlyMap<string, AlignedTrait>,
  people: number,
): boolean {
  if (trait === undefined || traitComplete !== true) return false;
  const columns = traits.get(trait)?.columns ?? [];
  for (let person = 0; person < people; person += 1) {
    if (columns[person]?.includes(1) !== true) return true;
  }
  return false;
}
