import { noVariantBlock, type Profile, packedCiphertextBytes } from "@cos/fhe";
import type { ArrayManifest, Block, Digest } from "@cos/protocol";
import { passesOf, passUnits, taskSeconds, workSeconds } from "./cost-model.ts";
import type { EvaluateTask, Plan, PlanContext, PlanContraction, TaskEstimate } from "./plan.ts";
import { type CutRowBlock, cutRuns, type DatasetPlan, findArray, passesOfSum } from "./plan-dataset.ts";

/**
 * Numbers one dataset's contractions, runs and tasks over the whole job.
 * @param commitment of its manifest
 * @param jobSeconds reference seconds of the whole job's work
 */
export function addDataset(
  plan: Plan,
  dataset: number,
  part: DatasetPlan,
  commitment: Digest,
  jobSeconds: number,
): void {
  const { manifest, profile, contractions, readouts, arrays } = part;
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
    manifestCommitment: commitment,
    contextDigest: manifest.contextDigest,
    layout: part.layout,
    segments: part.segments.map((s) => s.id),
    maxRowsPerRun: part.maxRowsPerRun,
    readouts: readouts.map((r) => ({ ...r, contraction: firstContraction + r.contraction })),
    variantBlocks: (
      arrays.find((a) => a.axes.length === 2 && carriers.includes(a.name))?.variantBlocks ?? []
    ).map(({ index, first, count }) => ({ index, first, count })),
  });
  const firstRun = plan.runs.length;
  const { runs, rowBlocks } = cutRuns(part.rowBlocks, part.maxRowsPerRun);
  for (const run of runs) plan.runs.push({ index: plan.runs.length, dataset, ...run });
  const numbered = rowBlocks.map((block) => ({
    ...block,
    pieces: block.pieces.map((piece) => ({ ...piece, run: firstRun + piece.run })),
  }));
  for (const carrier of carriers) {
    const own = plan.contractions.filter((c) => c.dataset === dataset && c.carrier.array === carrier);
    addTasks(plan, {
      dataset,
      context,
      profile,
      arrays,
      carrier,
      contractions: own,
      rowBlocks: numbered,
      seconds: taskSeconds(jobSeconds),
    });
  }
}

function addContext(plan: Plan, context: PlanContext): number {
  const index = plan.contexts.findIndex((c) => c.contextDigest === context.contextDigest);
  return index >= 0 ? index : plan.contexts.push(context) - 1;
}

type TaskContext = {
  dataset: number;
  context: number;
  profile: Profile;
  arrays: readonly ArrayManifest[];
  carrier: string;
  contractions: readonly PlanContraction[];
  rowBlocks: readonly CutRowBlock[];
  /** Reference seconds that a task should take. */
  seconds: number;
};

/** Cuts the rectangle of row blocks and variant blocks into tasks of about equal work, all variant blocks together where possible. */
function addTasks(plan: Plan, context: TaskContext): void {
  const { arrays, carrier, contractions, rowBlocks, profile } = context;
  const array = findArray(arrays, carrier);
  const variantBlocks =
    array.variantBlocks.length === 0 ? [noVariantBlock] : array.variantBlocks.map((b) => b.index);
  const weightArrays = [...new Set(contractions.flatMap((c) => (c.weight === null ? [] : [c.weight.array])))];
  const blocks = indexBlocks(arrays, [carrier, ...weightArrays]);
  const passesPerCell = passesOfCell(contractions) * passUnits(profile);
  const secondsPerCell = workSeconds({ inputBytes: bytesPerCell(array), passes: passesPerCell });

  const widestRows = Math.max(...rowBlocks.map((b) => b.rows));
  const cells = context.seconds / secondsPerCell;
  const columns = Math.max(1, Math.min(variantBlocks.length, Math.floor(cells / widestRows)));
  for (const group of groupRows(rowBlocks, cells / columns)) {
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
      task.estimate = estimateTask(task, contractions, profile, passesPerCell);
      plan.tasks.push(task);
    }
  }
}

/** Work of one person and variant block: what is expanded, multiplied and added. */
function passesOfCell(contractions: readonly PlanContraction[]): number {
  const expanded = new Set(contractions.map((c) => c.carrier.ciphertext)).size;
  return expanded * passesOf.expand + contractions.reduce((sum, c) => sum + passesOfSum(c), 0);
}

/** Bytes at rest of one person in one variant block, on average. */
function bytesPerCell({ blocks }: ArrayManifest): number {
  const rows = blocks.reduce((sum, b) => sum + b.rows.reduce((n, [, count]) => n + count, 0), 0);
  return blocks.reduce((sum, b) => sum + b.object.sizeBytes, 0) / Math.max(1, rows);
}

const blockKey = (
  array: string,
  row: { segment: { id: string }; rowBlock: number },
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

/** What one task reads, writes and costs; the weights of a row block are expanded once for all its variant blocks. */
function estimateTask(
  task: EvaluateTask,
  contractions: readonly PlanContraction[],
  profile: Profile,
  passesPerCell: number,
): TaskEstimate {
  const rows = task.rowBlocks.reduce((sum, b) => sum + b.rows, 0);
  const runs = new Set(task.rowBlocks.flatMap((b) => b.pieces.map((p) => p.run))).size;
  const objects = [
    ...task.rowBlocks.flatMap((b) => b.weights.map((w) => w.object)),
    ...task.variantBlocks.flatMap((v) => v.blocks),
  ];
  const weights = new Set(contractions.flatMap(({ weight: w }) => (w ? [`${w.array}|${w.ciphertext}`] : [])));
  const weightPasses = weights.size * passesOf.expand * passUnits(profile);
  const perEntry = contractions.reduce((sum, c) => sum + packedCiphertextBytes(profile, c.degree), 0);
  return {
    inputBytes: objects.reduce((sum, o) => sum + o.sizeBytes, 0),
    outputBytes: runs * task.variantBlocks.length * perEntry,
    cost: Math.ceil(rows * (task.variantBlocks.length * passesPerCell + weightPasses)),
  };
}
