import { findProfile, maxEventsLog2, noVariantBlock, type Profile } from "@cos/fhe";
import {
  type ArrayManifest,
  type Block,
  countRows,
  err,
  inputsRootOf,
  jointContextDigest,
  type Manifest,
  manifestCommitment,
  ok,
  type Result,
  type Segment,
} from "@cos/protocol";
import { admitsPurpose } from "../consent.ts";
import { algorithmIdOf, type Program } from "../program.ts";
import { type Contraction, type ContractionError, type Readout, toContractions } from "./contractions.ts";
import { addReduce, estimateTask } from "./estimate-tasks.ts";
import type { EvaluateTask, Plan, PlanContext, PlanContraction, PlanRun } from "./plan.ts";
import { type JobParams, type ResolveError, resolveProgram } from "./resolve-program.ts";

export type PlanError = (ResolveError | ContractionError) & { dataset?: number };
export type PlanJobError =
  | PlanError
  | { code: "PROFILE_UNKNOWN"; name: string }
  /** Clause 3: no segment's consent admits the purpose. */
  | { code: "NO_SEGMENT_ADMITTED"; clause: 3; dataset: number }
  /** Every row of the admitted segments was deleted. */
  | { code: "NO_ROWS"; dataset: number }
  /** Arrays that should hold the same people in the same blocks do not. */
  | { code: "ROWS_MISALIGNED"; dataset: number; array: string; segment: string; rowBlock: number }
  /** More random events than the failure bound is made for. */
  | { code: "JOB_TOO_LARGE"; eventsLog2: number; maxEventsLog2: number };

/** Work per task, in passes: about a second with the wasm engine, so that replicas and retries are cheap. */
const minCostPerTask = 12_000;
/** Large jobs get larger tasks, so that there are about this many... */
const targetTasks = 64;
/** ...but never more than about 20 s each. */
const maxCostPerTask = 300_000;

export type PlanRequest = {
  program: Program;
  /** In the permit's order. */
  manifests: readonly Manifest[];
  params: JobParams;
  /** DUO codes of the purpose; only segments whose consent admits them take part. Absent: all segments. */
  purpose?: readonly string[];
};

/**
 * Divides a job into tasks. Deterministic: equal requests give equal plans, whatever the engine or the machine.
 * Every bound is checked here, before a permit is quoted: a program that could overflow is refused with the numbers.
 */
export function planJob(request: PlanRequest): Result<Plan, PlanJobError> {
  const parts: DatasetPlan[] = [];
  for (const [dataset, manifest] of request.manifests.entries()) {
    const part = planDataset(request, manifest, dataset);
    if (!part.ok) return part;
    parts.push(part.value);
  }
  const eventsLog2 = Math.log2(parts.reduce((sum, p) => sum + p.events, 1));
  if (eventsLog2 > maxEventsLog2) return err({ code: "JOB_TOO_LARGE", eventsLog2, maxEventsLog2 });

  const plan: Plan = {
    format: "cos-plan/1",
    algorithmId: algorithmIdOf(request.program),
    params: request.params,
    inputsRoot: inputsRootOf(request.manifests.map(manifestCommitment)),
    contextDigest: jointContextDigest(request.manifests.map((m) => m.contextDigest)),
    datasets: [],
    contexts: [],
    contractions: [],
    runs: [],
    tasks: [],
    estimate: { inputBytes: 0, outputBytes: 0, cost: 0 },
  };
  const budget = taskBudget(parts.reduce((sum, p) => sum + p.cost, 0));
  for (const [dataset, part] of parts.entries()) addDataset(plan, dataset, part, budget);
  addReduce(plan);
  return ok(plan);
}

const taskBudget = (total: number): number =>
  Math.min(maxCostPerTask, Math.max(minCostPerTask, Math.ceil(total / targetTasks)));

/** One dataset's share, before numbers are given out over the whole job. */
type DatasetPlan = {
  manifest: Manifest;
  profile: Profile;
  layout: string;
  segments: Segment[];
  contractions: Contraction[];
  readouts: Readout[];
  maxRowsPerRun: number;
  rowBlocks: RowBlock[];
  cost: number;
  events: number;
};

type RowBlock = { segment: Segment; rowBlock: number; rows: number };

function planDataset(
  request: PlanRequest,
  manifest: Manifest,
  dataset: number,
): Result<DatasetPlan, PlanJobError> {
  const resolved = resolveProgram(request.program, manifest, request.params);
  if (!resolved.ok) return err({ ...resolved.error, dataset });
  const { layout, sums } = resolved.value;
  const arrays = manifest.arrays.filter((a) => a.layout === layout);
  const profile = findProfile(arrays[0]?.profile ?? "");
  if (!profile.ok) return profile;

  const segments = manifest.segments.filter(
    (s) => request.purpose === undefined || admitsPurpose(s.consentClass, request.purpose),
  );
  if (segments.length === 0) return err({ code: "NO_SEGMENT_ADMITTED", clause: 3, dataset });
  const used = arrays.filter((a) =>
    sums.some((s) => [...s.carrier, ...(s.weight ?? [])].some((c) => c.array === a)),
  );
  const rowBlocks = alignRows(used, segments, dataset);
  if (!rowBlocks.ok) return rowBlocks;
  const rows = rowBlocks.value.reduce((sum, b) => sum + b.rows, 0);
  if (rows === 0) return err({ code: "NO_ROWS", dataset });

  const whole = request.program.partition === "whole";
  const found = toContractions(sums, profile.value, whole ? rows : null);
  if (!found.ok) return err({ ...found.error, dataset });
  const { contractions, readouts } = found.value;
  const maxRowsPerRun = Math.min(...contractions.map((c) => c.maxRows));
  const units = passUnits(profile.value);
  const cost = contractions.reduce((sum, c) => sum + rows * blocksOf(arrays, c.carrier.array) * 3 * units, 0);
  const events =
    2 *
    profile.value.ringDegree *
    contractions.reduce((n, c) => n + rows * blocksOf(arrays, c.carrier.array), 0);
  return ok({
    manifest,
    profile: profile.value,
    layout,
    segments,
    contractions,
    readouts,
    maxRowsPerRun: whole ? rows : maxRowsPerRun,
    rowBlocks: rowBlocks.value,
    cost,
    events,
  });
}

const findArray = (arrays: readonly ArrayManifest[], name: string): ArrayManifest =>
  arrays.find((a) => a.name === name) as ArrayManifest;

const blocksOf = (arrays: readonly ArrayManifest[], name: string): number =>
  Math.max(1, findArray(arrays, name).variantBlocks.length);

/** Cost of one pass over a polynomial of this profile, in passes of N = 2048 and one prime. */
const passUnits = (profile: Profile): number => (profile.ringDegree * profile.primes.length) / 2048;

/** The row blocks of the chosen segments; every used array must hold exactly the same rows in each. */
function alignRows(
  arrays: readonly ArrayManifest[],
  segments: readonly Segment[],
  dataset: number,
): Result<RowBlock[], PlanJobError> {
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

function addDataset(plan: Plan, dataset: number, part: DatasetPlan, budget: number): void {
  const { manifest, profile, contractions, readouts } = part;
  const arrays = manifest.arrays.filter((a) => a.layout === part.layout);
  const context = addContext(plan, {
    profile: profile.name,
    parameterDigest: profile.digest,
    contextDigest: arrays[0]?.contextDigest as PlanContext["contextDigest"],
  });
  const firstContraction = plan.contractions.length;
  for (const c of contractions) {
    plan.contractions.push({
      index: plan.contractions.length,
      dataset,
      context,
      carrier: c.carrier,
      weight: c.weight,
      degree: c.degree,
    });
  }
  const carriers = [...new Set(contractions.map((c) => c.carrier.array))];
  plan.datasets.push({
    manifestCommitment: manifestCommitment(manifest),
    contextDigest: manifest.contextDigest,
    layout: part.layout,
    segments: part.segments.map((s) => s.id),
    maxRowsPerRun: part.maxRowsPerRun,
    readouts: readouts.map((r) => ({ ...r, contraction: firstContraction + r.contraction })),
    variantBlocks: (
      arrays.find((a) => a.axes.length === 2 && carriers.includes(a.name))?.variantBlocks ?? []
    ).map(({ index, first, count }) => ({ index, first, count })),
  });
  const rowBlocks = cutRuns(plan.runs, dataset, part);
  for (const carrier of carriers) {
    const own = plan.contractions.filter((c) => c.dataset === dataset && c.carrier.array === carrier);
    addTasks(plan, { dataset, context, profile, arrays, carrier, contractions: own, rowBlocks, budget });
  }
}

function addContext(plan: Plan, context: PlanContext): number {
  const index = plan.contexts.findIndex((c) => c.contextDigest === context.contextDigest);
  return index >= 0 ? index : plan.contexts.push(context) - 1;
}

type CutRowBlock = RowBlock & { pieces: { run: number; first: number; count: number }[] };

/** Runs never cross segments. They join whole blocks where those fit, and cut a block where it does not. */
function cutRuns(runs: PlanRun[], dataset: number, part: DatasetPlan): CutRowBlock[] {
  const max = part.maxRowsPerRun;
  let open: PlanRun | undefined;
  const start = (segment: string): PlanRun => {
    const run = { index: runs.length, dataset, segment, rows: 0 };
    runs.push(run);
    return run;
  };
  return part.rowBlocks.map((block) => {
    const pieces: CutRowBlock["pieces"] = [];
    const joins = open !== undefined && open.segment === block.segment.id && open.rows + block.rows <= max;
    if (!joins) open = undefined;
    for (let first = 0; first < block.rows; ) {
      open ??= start(block.segment.id);
      const count = Math.min(block.rows - first, max - open.rows);
      pieces.push({ run: open.index, first, count });
      open.rows += count;
      first += count;
      if (first < block.rows) open = undefined;
    }
    return { ...block, pieces };
  });
}

type TaskContext = {
  dataset: number;
  context: number;
  profile: Profile;
  arrays: readonly ArrayManifest[];
  carrier: string;
  contractions: readonly PlanContraction[];
  rowBlocks: readonly CutRowBlock[];
  budget: number;
};

/** Cuts the rectangle of row blocks and variant blocks into tasks of about the budget, all variant blocks together where possible. */
function addTasks(plan: Plan, context: TaskContext): void {
  const { arrays, carrier, contractions, rowBlocks, budget, profile } = context;
  const array = findArray(arrays, carrier);
  const variantBlocks =
    array.variantBlocks.length === 0 ? [noVariantBlock] : array.variantBlocks.map((b) => b.index);
  const weightArrays = [...new Set(contractions.flatMap((c) => (c.weight === null ? [] : [c.weight.array])))];
  const blocks = indexBlocks(arrays, [carrier, ...weightArrays]);
  const perCell = (array.ciphertextsPerRow + 2 * contractions.length) * passUnits(profile);

  const widestRows = Math.max(...rowBlocks.map((b) => b.rows));
  const columns = Math.max(1, Math.min(variantBlocks.length, Math.floor(budget / (perCell * widestRows))));
  const rowsPerTask = budget / (perCell * columns);
  for (const group of groupRows(rowBlocks, rowsPerTask)) {
    for (let at = 0; at < variantBlocks.length; at += columns) {
      const chosen = variantBlocks.slice(at, at + columns);
      const task: EvaluateTask = {
        kind: "evaluate",
        index: plan.tasks.length,
        dataset: context.dataset,
        context: context.context,
        carrier,
        contractions: contractions.map((c) => c.index),
        rowBlocks: group.map((b) => ({
          segment: b.segment.id,
          rowBlock: b.rowBlock,
          rows: b.rows,
          pieces: b.pieces,
          weights: weightArrays.map((name) => ({
            array: name,
            object: blocks.get(blockKey(name, b, null)) as Block["object"],
          })),
        })),
        variantBlocks: chosen.map((index) => ({
          index,
          blocks: group.map(
            (b) =>
              blocks.get(blockKey(carrier, b, index === noVariantBlock ? null : index)) as Block["object"],
          ),
        })),
        estimate: { inputBytes: 0, outputBytes: 0, cost: 0 },
      };
      task.estimate = estimateTask(task, contractions, profile, perCell);
      plan.tasks.push(task);
    }
  }
}

const blockKey = (
  array: string,
  row: { segment: Segment; rowBlock: number },
  variantBlock: number | null,
): string => `${array}|${row.segment.id}|${row.rowBlock}|${variantBlock}`;

function indexBlocks(
  arrays: readonly ArrayManifest[],
  names: readonly string[],
): Map<string, Block["object"]> {
  const index = new Map<string, Block["object"]>();
  for (const name of names) {
    for (const block of findArray(arrays, name).blocks) {
      index.set(`${name}|${block.segment}|${block.rowBlock}|${block.variantBlock}`, block.object);
    }
  }
  return index;
}

function groupRows(rowBlocks: readonly CutRowBlock[], rowsPerTask: number): CutRowBlock[][] {
  const groups: CutRowBlock[][] = [];
  let rows = Number.POSITIVE_INFINITY;
  for (const block of rowBlocks) {
    if (rows + block.rows > rowsPerTask) {
      groups.push([]);
      rows = 0;
    }
    groups.at(-1)?.push(block);
    rows += block.rows;
  }
  return groups;
}
