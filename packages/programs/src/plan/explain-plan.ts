import { packedPolynomialBytes } from "@cos/fhe";
import { type ArrayManifest, ok, type Result } from "@cos/protocol";
import { layoutShapes, layouts } from "../encode/layout.ts";
import { type Cost, passesOf, resultSeconds, weighedSeconds, workSeconds } from "./cost-model.ts";
import { fitShape } from "./fit-shape.ts";
import type { Plan } from "./plan.ts";
import type { Candidate, DatasetPlan, PlanDatasetError, PlanRequest } from "./plan-dataset.ts";
import { buildPlan, type PlanJobError, planCandidates, planOf } from "./plan-job.ts";

/** Why a way to compute a dataset's share was not taken. */
export type Lost =
  /** It cannot carry the program, or lacks what it reads. */
  | { code: "REFUSED"; error: PlanDatasetError }
  /** It costs `factor` times as much by the cost model, most of the difference in `mostly`. */
  | { code: "COSTS_MORE"; factor: number; mostly: "reading and computing" | "fetching the result" }
  /** The dataset does not hold it; the owner could encrypt it, and it would take `factor` of the chosen way's cost. */
  | { code: "NOT_PUBLISHED"; factor: number };

/** One way to compute a dataset's share, taken or not. Costs are null where a refusal came before them. */
export type Alternative = {
  dataset: number;
  /** Layout, and the trait where it is fixed. */
  name: string;
  profile: string | null;
  /** Null for the way that was taken. */
  lost: Lost | null;
  /** Most people in one sum, how many sums each contraction leaves, and how many contractions there are. */
  maxRowsPerRun: number | null;
  runs: number | null;
  contractions: number | null;
  /** Tasks of the whole job, if this dataset were read this way; null where the dataset does not hold it. */
  tasks: number | null;
  /** Bytes that the layout takes at rest, in all segments. */
  restBytes: number | null;
  cost: Cost | null;
  /** What ways are ranked by: seconds of the cost model's reference machines. */
  weighedSeconds: number | null;
};

/** Rates of one kind of worker thread, measured where it runs: they turn costs into seconds and never into other plans. */
export type WorkerRates = { passesPerSecond: number; storeBytesPerSecond: number };

/** Seconds that a worker thread takes: reading overlaps computing, so the slower of the two counts. */
export const secondsOn = (rates: WorkerRates, { passes, inputBytes }: Omit<Cost, "resultBytes">): number =>
  Math.max(passes / rates.passesPerSecond, inputBytes / rates.storeBytesPerSecond);

/**
 * Plans a job as `planJob` does, and says what else was considered: for each dataset the ways to read it, the one that
 * was taken first, with what each costs and why the others lost.
 */
export function explainPlan(
  request: PlanRequest,
): Result<{ plan: Plan; alternatives: Alternative[] }, PlanJobError> {
  const found = planCandidates(request);
  if (!found.ok) return found;
  const chosen = found.value.map(([best]) => planOf(best as Candidate));
  const plan = buildPlan(request, chosen);
  if (!plan.ok) return plan;
  const alternatives = found.value.flatMap((candidates, dataset) => {
    const best = chosen[dataset] as DatasetPlan;
    const tried = candidates.map((each): Alternative => {
      if (!each.plan.ok) return refused(dataset, each, each.plan.error);
      const other = each.plan.value;
      const parts = chosen.map((part, i) => (i === dataset ? other : part));
      const built = other === best ? plan : buildPlan(request, parts);
      return {
        dataset,
        name: other.name,
        profile: other.profile.name,
        lost: other === best ? null : costsMore(other.cost, best.cost),
        maxRowsPerRun: other.maxRowsPerRun,
        runs: other.runs,
        contractions: other.contractions.length,
        tasks: built.ok ? built.value.tasks.length : null,
        restBytes: other.restBytes,
        cost: other.cost,
        weighedSeconds: weighedSeconds(other.cost),
      };
    });
    return [...tried, ...unpublished(request, dataset, best)];
  });
  return ok({ plan: plan.value, alternatives });
}

const refused = (dataset: number, { name }: Candidate, error: PlanDatasetError): Alternative => ({
  dataset,
  name,
  profile: null,
  lost: { code: "REFUSED", error },
  maxRowsPerRun: null,
  runs: null,
  contractions: null,
  tasks: null,
  restBytes: null,
  cost: null,
  weighedSeconds: null,
});

function costsMore(cost: Cost, best: Cost): Lost {
  const work = workSeconds(cost) - workSeconds(best);
  const result = resultSeconds(cost) - resultSeconds(best);
  return {
    code: "COSTS_MORE",
    factor: weighedSeconds(cost) / weighedSeconds(best),
    mostly: work >= result ? "reading and computing" : "fetching the result",
  };
}

/**
 * What fixing the trait at encryption would cost, where a case/control trait is asked for that is not fixed. Reckoned
 * with six counters, which serve whether or not everybody has a value.
 */
function unpublished(request: PlanRequest, dataset: number, best: DatasetPlan): Alternative[] {
  const binary = Object.entries(request.program.parameters).filter(([, p]) => p.traitKind === "binary");
  const trait = request.params[binary[0]?.[0] ?? ""];
  const genotypes = best.arrays.find((a) => a.axes.length === 2);
  const isFixed = best.arrays.some((a) => a.axes.length === 2 && a.trait !== undefined);
  if (trait === undefined || binary.length !== 1 || genotypes === undefined || isFixed) return [];
  const { profile } = layouts["case-control-counters"];
  const fit = fitShape(profile, layoutShapes["case-control-counters"]);
  if (!fit.ok) return [];
  const { runRows } = fit.value;
  const rowsOf = (segments: ReadonlySet<string> | null): number[] =>
    rowsBySegment(genotypes, segments).map(([, rows]) => rows);
  const blocks = genotypes.variantBlocks.length;
  const admitted = rowsOf(new Set(best.segments.map((s) => s.id)));
  const rows = admitted.reduce((a, b) => a + b, 0);
  const runs = admitted.reduce((sum, n) => sum + Math.ceil(n / runRows), 0);
  const rowBytes = packedPolynomialBytes(profile) + rowDigestBytes;
  const cost: Cost = {
    inputBytes: rows * blocks * rowBytes,
    passes: Math.ceil(rows * blocks * (passesOf.expand + passesOf.sum)),
    resultBytes: runs * blocks * 2 * packedPolynomialBytes(profile),
  };
  return [
    {
      dataset,
      name: `case-control-counters (${trait})`,
      profile: profile.name,
      lost: { code: "NOT_PUBLISHED", factor: weighedSeconds(cost) / weighedSeconds(best.cost) },
      maxRowsPerRun: runRows,
      runs,
      contractions: 1,
      tasks: null,
      restBytes: rowsOf(null).reduce((a, b) => a + b, 0) * blocks * rowBytes,
      cost,
      weighedSeconds: weighedSeconds(cost),
    },
  ];
}

/** Bytes that a row takes in a block beside its ciphertext. */
const rowDigestBytes = 32;

/** Rows that the first variant block holds, by segment; null: of all segments. */
function rowsBySegment({ blocks }: ArrayManifest, segments: ReadonlySet<string> | null): [string, number][] {
  const rows = new Map<string, number>();
  for (const { segment, variantBlock, rows: ranges } of blocks) {
    if (variantBlock !== 0 || segments?.has(segment) === false) continue;
    const count = ranges.reduce((sum, [, n]) => sum + n, 0);
    rows.set(segment, (rows.get(segment) ?? 0) + count);
  }
  return [...rows];
}
