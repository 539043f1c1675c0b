import { findProfile, type Profile, packedCiphertextBytes } from "@cos/fhe";
import {
  type ArrayManifest,
  type Block,
  countRows,
  err,
  type Manifest,
  ok,
  type Result,
  type Segment,
} from "@cos/protocol";
import { admitsPurpose } from "../consent.ts";
import type { Program } from "../program.ts";
import { type Contraction, type ContractionError, type Readout, toContractions } from "./contractions.ts";
import { type Cost, passesOf, passUnits, weighedSeconds } from "./cost-model.ts";
import type { RunPiece } from "./plan.ts";
import { type Binding, type JobParams, type ResolveError, resolveProgram } from "./resolve-program.ts";

export type PlanError = (ResolveError | ContractionError) & { dataset?: number };
export type PlanDatasetError =
  | PlanError
  | { code: "PROFILE_UNKNOWN"; name: string }
  /** Clause 3: no segment's consent admits the purpose. */
  | { code: "NO_SEGMENT_ADMITTED"; clause: 3; dataset: number }
  /** Every row of the admitted segments was deleted. */
  | { code: "NO_ROWS"; dataset: number }
  /** Arrays that should hold the same people in the same blocks do not. */
  | { code: "ROWS_MISALIGNED"; dataset: number; array: string; segment: string; rowBlock: number };

export type PlanRequest = {
  program: Program;
  /** In the permit's order. */
  manifests: readonly Manifest[];
  params: JobParams;
  /** DUO codes of the purpose; only segments whose consent admits them take part. Absent: all segments. */
  purpose?: readonly string[];
};

/** Rows of one number within one segment, which every used array holds. */
export type RowBlock = { segment: Segment; rowBlock: number; rows: number };

/** One dataset's share in one way, before numbers are given out over the whole job. */
export type DatasetPlan = {
  manifest: Manifest;
  /** What a person calls this way: the layout, and the trait where it is fixed. */
  name: string;
  layout: string;
  profile: Profile;
  /** Arrays that are read, the carriers first. */
  arrays: ArrayManifest[];
  segments: Segment[];
  contractions: Contraction[];
  readouts: Readout[];
  maxRowsPerRun: number;
  runs: number;
  rowBlocks: RowBlock[];
  cost: Cost;
  /** Bytes of the arrays in all segments: what publishing this way takes. */
  restBytes: number;
  /** Random events that the failure bound counts. */
  events: number;
};

/** What became of one way to compute a dataset's share. */
export type Candidate = { name: string; layout: string; plan: Result<DatasetPlan, PlanDatasetError> };

/**
 * Every way to compute one dataset's share, the cheapest first by the cost model, refused ones last. Equal costs keep the
 * manifest's order.
 * @errors why there is none at all, or what refuses the dataset however it is read
 */
export function planDataset(
  request: PlanRequest,
  manifest: Manifest,
  dataset: number,
): Result<Candidate[], PlanDatasetError> {
  const resolved = resolveProgram(request.program, manifest, request.params);
  if (!resolved.ok) return err({ ...resolved.error, dataset });
  const segments = manifest.segments.filter(
    (s) => request.purpose === undefined || admitsPurpose(s.consentClass, request.purpose),
  );
  if (segments.length === 0) return err({ code: "NO_SEGMENT_ADMITTED", clause: 3, dataset });
  const { bindings, refused } = resolved.value;
  const candidates: Candidate[] = [
    ...bindings.map((binding) => ({
      name: binding.name,
      layout: binding.layout,
      plan: planBinding(request.program, manifest, binding, segments, dataset),
    })),
    ...refused.map(({ name, layout, error }) => ({ name, layout, plan: err({ ...error, dataset }) })),
  ].sort((a, b) => secondsOf(a) - secondsOf(b));
  const best = candidates[0] as Candidate;
  return best.plan.ok ? ok(candidates) : best.plan;
}

const secondsOf = ({ plan }: Candidate): number =>
  plan.ok ? weighedSeconds(plan.value.cost) : Number.MAX_VALUE;

function planBinding(
  program: Program,
  manifest: Manifest,
  { name, layout, sums }: Binding,
  segments: Segment[],
  dataset: number,
): Result<DatasetPlan, PlanDatasetError> {
  const terms = sums.flatMap((s) => s.terms);
  const arrays = [
    ...new Set([
      ...terms.flatMap((t) => t.carrier.map((c) => c.array)),
      ...terms.flatMap((t) => (t.weight ?? []).map((c) => c.array)),
    ]),
  ];
  const profile = findProfile(arrays[0]?.profile ?? "");
  if (!profile.ok) return profile;
  const aligned = alignRows(arrays, segments, dataset);
  if (!aligned.ok) return aligned;
  const rowBlocks = aligned.value;
  const rows = rowBlocks.reduce((sum, b) => sum + b.rows, 0);
  if (rows === 0) return err({ code: "NO_ROWS", dataset });
  const whole = program.partition === "whole";
  const found = toContractions(sums, profile.value, whole ? rows : null);
  if (!found.ok) return err({ ...found.error, dataset });
  const { contractions, readouts } = found.value;
  const maxRowsPerRun = whole ? rows : Math.min(...contractions.map((c) => c.maxRows));
  const runs = countRuns(rowBlocks, maxRowsPerRun);
  const cells = (c: Contraction): number => rows * blocksOf(arrays, c.carrier.array);
  return ok({
    manifest,
    name,
    layout,
    profile: profile.value,
    arrays,
    segments,
    contractions,
    readouts,
    maxRowsPerRun,
    runs,
    rowBlocks,
    cost: {
      inputBytes: bytesOf(arrays, new Set(segments.map((s) => s.id))),
      passes: passesFor(profile.value, contractions, cells),
      resultBytes: contractions.reduce(
        (sum, c) =>
          sum + runs * blocksOf(arrays, c.carrier.array) * packedCiphertextBytes(profile.value, c.degree),
        0,
      ),
    },
    restBytes: bytesOf(arrays, undefined),
    events: 2 * profile.value.ringDegree * contractions.reduce((n, c) => n + cells(c), 0),
  });
}

export const findArray = (arrays: readonly ArrayManifest[], name: string): ArrayManifest =>
  arrays.find((a) => a.name === name) as ArrayManifest;

const blocksOf = (arrays: readonly ArrayManifest[], name: string): number =>
  Math.max(1, findArray(arrays, name).variantBlocks.length);

const bytesOf = (arrays: readonly ArrayManifest[], segments: ReadonlySet<string> | undefined): number =>
  arrays
    .flatMap((a) => a.blocks)
    .reduce(
      (sum, b) => sum + (segments === undefined || segments.has(b.segment) ? b.object.sizeBytes : 0),
      0,
    );

/** Work of all contractions: each ciphertext of a carrier is expanded once for all sums that it is in. */
function passesFor(
  profile: Profile,
  contractions: readonly Contraction[],
  cells: (c: Contraction) => number,
): number {
  const carriers = new Map(contractions.map((c) => [`${c.carrier.array}|${c.carrier.ciphertext}`, cells(c)]));
  const expanded = [...carriers.values()].reduce((sum, n) => sum + n * passesOf.expand, 0);
  const added = contractions.reduce((sum, c) => sum + cells(c) * passesOfSum(c), 0);
  return Math.ceil((expanded + added) * passUnits(profile));
}

/** Work of adding one person to a sum. */
export const passesOfSum = ({ degree }: { degree: 1 | 2 }): number =>
  degree === 2 ? passesOf.product : passesOf.sum;

/** The row blocks of the chosen segments; every used array must hold exactly the same rows in each. */
function alignRows(
  arrays: readonly ArrayManifest[],
  segments: readonly Segment[],
  dataset: number,
): Result<RowBlock[], PlanDatasetError> {
  const size = arrays[0]?.rowsPerBlock ?? 1;
  const indexed = arrays.map((array) => ({ array, ...blocksByRows(array) }));
  const rowBlocks: RowBlock[] = [];
  for (const segment of segments) {
    // Row blocks that exist, not those that a hostile row count would promise.
    const present = new Set(indexed.flatMap(({ rowBlocks: known }) => known.get(segment.id) ?? []));
    for (const rowBlock of [...present].sort((a, b) => a - b)) {
      const found = indexed.map(({ blocks }) => blocks.get(`${segment.id}|${rowBlock}`) ?? []);
      const expected = JSON.stringify(found[0]?.[0]?.rows ?? []);
      for (const [i, blocks] of found.entries()) {
        const { array } = indexed[i] as (typeof indexed)[number];
        const isComplete =
          array.rowsPerBlock === size &&
          (blocks.length === Math.max(1, array.variantBlocks.length) || expected === "[]") &&
          blocks.every((block) => JSON.stringify(block.rows) === expected);
        if (isComplete) continue;
        return err({ code: "ROWS_MISALIGNED", dataset, array: array.name, segment: segment.id, rowBlock });
      }
      const rows = countRows(found[0]?.[0]?.rows ?? []);
      if (rows > 0) rowBlocks.push({ segment, rowBlock, rows });
    }
  }
  return ok(rowBlocks);
}

/** Blocks by segment and row block, and the row blocks of each segment. */
function blocksByRows(array: ArrayManifest): {
  blocks: Map<string, Block[]>;
  rowBlocks: Map<string, number[]>;
} {
  const blocks = new Map<string, Block[]>();
  const rowBlocks = new Map<string, number[]>();
  for (const block of array.blocks) {
    const key = `${block.segment}|${block.rowBlock}`;
    const known = blocks.get(key);
    if (known !== undefined) {
      known.push(block);
      continue;
    }
    blocks.set(key, [block]);
    const numbers = rowBlocks.get(block.segment);
    if (numbers === undefined) rowBlocks.set(block.segment, [block.rowBlock]);
    else numbers.push(block.rowBlock);
  }
  return { blocks, rowBlocks };
}

const countRuns = (rowBlocks: readonly RowBlock[], max: number): number =>
  cutRuns(rowBlocks, max).runs.length;

export type CutRowBlock = RowBlock & { pieces: RunPiece[] };

/** Runs never cross segments. They join whole blocks where those fit, and cut a block where it does not. */
export function cutRuns(
  rowBlocks: readonly RowBlock[],
  max: number,
): { runs: { segment: string; rows: number }[]; rowBlocks: CutRowBlock[] } {
  const runs: { segment: string; rows: number }[] = [];
  let open: { segment: string; rows: number } | undefined;
  const start = (segment: string) => {
    const run = { segment, rows: 0 };
    runs.push(run);
    return run;
  };
  const cut = rowBlocks.map((block) => {
    const pieces: RunPiece[] = [];
    const joins = open !== undefined && open.segment === block.segment.id && open.rows + block.rows <= max;
    if (!joins) open = undefined;
    for (let first = 0; first < block.rows; ) {
      open ??= start(block.segment.id);
      const count = Math.min(block.rows - first, max - open.rows);
      pieces.push({ run: runs.length - 1, first, count });
      open.rows += count;
      first += count;
      if (first < block.rows) open = undefined;
    }
    return { ...block, pieces };
  });
  return { runs, rowBlocks: cut };
}
