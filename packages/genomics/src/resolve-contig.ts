import { err, ok, type Result } from "@cos/protocol";
import {
  type Contig,
  extraContig,
  findContig,
  type HumanAssembly,
  SPECIES,
  type SpeciesName,
  splitPseudoAutosomal,
} from "./species.ts";

export interface ContigPolicy {
  /** Default human. */
  readonly species?: SpeciesName;
  /** `refuse` (default, as PLINK) or `keep` a contig outside the species' table, counted as diploid. */
  readonly unknownContigs?: "refuse" | "keep";
  /** With it, human X variants of the pseudo-autosomal regions count as diploid; without it, none does (as PLINK). */
  readonly splitPar?: HumanAssembly;
}

export interface UnknownContig {
  readonly contig: string;
  readonly species: SpeciesName;
}

/** Looks contigs up once per name, as files repeat them for every variant. */
export function contigResolver(
  policy: ContigPolicy,
): (name: string, position: number) => Result<Contig, UnknownContig> {
  const table = SPECIES[policy.species ?? "human"];
  const known = new Map<string, Contig>();
  return (name, position) => {
    let contig = known.get(name) ?? findContig(table, name);
    if (contig === undefined) {
      if (policy.unknownContigs !== "keep") return err({ contig: name.slice(0, 64), species: table.name });
      contig = extraContig(name);
    }
    known.set(name, contig);
    return ok(
      policy.splitPar === undefined ? contig : splitPseudoAutosomal(table, contig, position, policy.splitPar),
    );
  };
}
