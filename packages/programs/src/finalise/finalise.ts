import {
  type AssocRow,
  assocRow,
  type QassocRow,
  qassocRow,
  type VariantCounts,
  type VariantSums,
} from "@cos/genomics";
import { err, ok, type Result, type VariantAxis } from "@cos/protocol";
import { withOffset } from "../encode/fixed-point.ts";
import type { OwnerState } from "../encode/owner-state.ts";
import { toFixedPointState } from "../encode/trait-state.ts";
import type { OpenedSums } from "../open/open-result.ts";
import type { JobParams } from "../plan/resolve-program.ts";
import type { Program } from "../program.ts";
import { toGenomicsVariants } from "./to-genomics-variant.ts";

/** The owner's exact table: counts or sums behind every line, and the statistics that follow from them. */
export type AssociationResult =
  | { kind: "assoc"; rows: AssocRow[]; counts: VariantCounts[] }
  | { kind: "qassoc"; rows: QassocRow[]; sums: VariantSums[] };

export type FinaliseError =
  | { code: "FINALISER_UNKNOWN"; name: string; version: number }
  /** The opened sums are not those that the finaliser needs, or not one per variant. */
  | { code: "SUMS_MISSING"; sum: string }
  /** The owner's state does not say how this trait was encoded. */
  | { code: "TRAIT_ENCODING_UNKNOWN"; trait: string };

/**
 * Finishes the statistics in the clear, on the owner's side.
 * @param opened sums of one dataset, from `openResult`
 * @param ownerState needed for quantities: their offset and scale are the owner's secret
 */
export function finalise(
  program: Program,
  params: JobParams,
  opened: OpenedSums,
  axis: VariantAxis,
  ownerState: OwnerState,
): Result<AssociationResult, FinaliseError> {
  const { name, version } = program.finaliser;
  const needed = finalisers[`${name}/${version}`];
  if (needed === undefined) return err({ code: "FINALISER_UNKNOWN", name, version });
  for (const sum of needed.sums) {
    if (opened.sums.get(sum)?.length !== axis.variants.length) return err({ code: "SUMS_MISSING", sum });
  }
  return needed.finish((sum, v) => opened.sums.get(sum)?.[v] as bigint, axis, params, ownerState);
}

type ReadSum = (sum: string, variant: number) => bigint;
type Finaliser = {
  sums: readonly string[];
  finish(
    read: ReadSum,
    axis: VariantAxis,
    params: JobParams,
    state: OwnerState,
  ): Result<AssociationResult, FinaliseError>;
};

const finalisers: Readonly<Record<string, Finaliser>> = {
  "allelic-association/1": {
    sums: ["alleles", "called", "caseAlleles", "caseCalled", "controlAlleles", "controlCalled"],
    finish: (read, axis) => {
      const counts = axis.variants.map((_, v) => ({
        caseA1: Number(read("caseAlleles", v)),
        caseCalled: Number(read("caseCalled", v)),
        controlA1: Number(read("controlAlleles", v)),
        controlCalled: Number(read("controlCalled", v)),
        totalA1: Number(read("alleles", v)),
        totalCalled: Number(read("called", v)),
      }));
      const variants = toGenomicsVariants(axis);
      const rows = counts.map((each, v) => assocRow(variants[v] as (typeof variants)[number], each));
      return ok({ kind: "assoc", rows, counts });
    },
  },
  "linear-regression/1": {
    sums: ["alleles", "called", "n", "g", "gg", "y", "yy", "gy"],
    finish: (read, axis, params, state) => {
      const trait = Object.values(params)[0] ?? "";
      const encoding = toFixedPointState(state.traits[trait]);
      if (encoding === undefined) return err({ code: "TRAIT_ENCODING_UNKNOWN", trait });
      const sums = axis.variants.map((_, v): VariantSums => {
        const g = read("g", v);
        const n = read("n", v);
        const exact = withOffset(encoding, { n, g, y: read("y", v), yy: read("yy", v), gy: read("gy", v) });
        return {
          n: Number(n),
          sumG: g,
          sumGG: read("gg", v),
          sumY: exact.y,
          sumYY: exact.yy,
          sumGY: exact.gy,
          decimals: encoding.decimals,
          totalA1: Number(read("alleles", v)),
          totalCalled: Number(read("called", v)),
        };
      });
      const variants = toGenomicsVariants(axis);
      const rows = sums.map((each, v) => qassocRow(variants[v] as (typeof variants)[number], each));
      return ok({ kind: "qassoc", rows, sums });
    },
  },
};
