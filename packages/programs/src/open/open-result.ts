import {
  type Coefficients,
  type ContainerError,
  type DatasetKey,
  findProfile,
  noVariantBlock,
  OwnerPool,
  type StoredCiphertextList,
} from "@cos/fhe";
import { err, ok, type Result } from "@cos/protocol";
import type { Readout } from "../plan/contractions.ts";
import type { Plan, PlanDataset } from "../plan/plan.ts";

/** Decrypted sums of one dataset: by name, one whole number per variant of the axis (or one in all). */
export type OpenedSums = { dataset: number; sums: ReadonlyMap<string, readonly bigint[]> };

export type OpenError =
  | ContainerError
  /** The key holds no secret for the profile of the result. */
  | { code: "KEY_LACKS_PROFILE"; profile: string };

export type OpenOptions = {
  /** Threads that decrypt; default one per core. */
  threads?: number;
  onProgress?: (done: number, total: number) => void;
};

/** Ciphertexts that go to a thread at once. */
const batchSize = 24;

/**
 * Decrypts one dataset's part of a result and reads its sums. Only for a result that `verifyResult` has passed:
 * what comes out of a forged one is the secret key. Memory: two batches of ciphertexts per thread, and one number per
 * variant and sum.
 * @param ciphertexts the list that `verifyResult` has checked: it refuses what changed since
 * @param dataset index in the permit of the dataset whose entries are opened; they must be under `key`
 */
export async function openResult(
  plan: Plan,
  ciphertexts: StoredCiphertextList,
  key: DatasetKey,
  dataset = 0,
  { threads, onProgress }: OpenOptions = {},
): Promise<Result<OpenedSums, OpenError>> {
  const part = plan.datasets[dataset];
  if (part === undefined) throw new RangeError(`no dataset ${dataset}`);
  const wanted = entriesOf(plan, ciphertexts, dataset);
  const sums = new SumReader(part);
  const pool = new OwnerPool(key, threads);
  let done = 0;
  const open = async (batch: readonly Entry[]): Promise<Result<null, OpenError>> => {
    const opened = await openBatch(pool, key, ciphertexts, batch);
    if (!opened.ok) return opened;
    for (const [i, entry] of batch.entries()) sums.add(entry, opened.value[i] as Coefficients);
    done += batch.length;
    onProgress?.(done, wanted.length);
    return ok(null);
  };
  const opening: Promise<Result<null, OpenError>>[] = [];
  try {
    for (const batch of cutBatches(wanted)) {
      const opened = open(batch);
      opened.catch(() => {}); // an error surfaces when the batch is awaited; until then it must not count as unhandled
      opening.push(opened);
      if (opening.length < 2 * pool.threads) continue;
      const outcome = await (opening.shift() as (typeof opening)[number]);
      if (!outcome.ok) return outcome;
    }
    for (const outcome of await Promise.all(opening)) if (!outcome.ok) return outcome;
  } finally {
    await Promise.allSettled(opening);
    await pool.close();
  }
  return ok({ dataset, sums: sums.total() });
}

type Entry = { index: number; contraction: number; variantBlock: number; degree: 1 | 2; profile: string };

function entriesOf(plan: Plan, list: StoredCiphertextList, dataset: number): Entry[] {
  const entries: Entry[] = [];
  for (let index = 0; index < list.count; index += 1) {
    const { contraction, variantBlock, degree, context } = list.describe(index);
    if (plan.contractions[contraction]?.dataset !== dataset) continue;
    const profile = list.header.contexts[context]?.profile ?? "";
    entries.push({ index, contraction, variantBlock, degree, profile });
  }
  return entries;
}

/** Batches of one profile each. */
function cutBatches(entries: readonly Entry[]): Entry[][] {
  const batches: Entry[][] = [];
  for (const entry of entries) {
    const last = batches.at(-1);
    if (last !== undefined && last.length < batchSize && last[0]?.profile === entry.profile) last.push(entry);
    else batches.push([entry]);
  }
  return batches;
}

/** Opens one batch in a thread; its ciphertexts are read only now. */
async function openBatch(
  pool: OwnerPool,
  key: DatasetKey,
  list: StoredCiphertextList,
  batch: readonly Entry[],
): Promise<Result<Coefficients[], OpenError>> {
  const name = batch[0]?.profile ?? "";
  const profile = findProfile(name);
  if (!profile.ok || !key.secrets.has(name)) return err({ code: "KEY_LACKS_PROFILE", profile: name });
  const ciphertexts: { packed: Uint8Array; degree: 1 | 2 }[] = [];
  for (const run of cutRuns(batch)) {
    const read = await list.packedRun(run[0]?.index ?? 0, run.length);
    for (const [i, { degree }] of run.entries()) {
      const packed = read[i] as (typeof read)[number];
      if (!packed.ok) return packed;
      ciphertexts.push({ packed: packed.value, degree });
    }
  }
  return pool.open(profile.value, ciphertexts);
}

/** Entries that lie side by side: between those of one owner lie others'. */
function cutRuns(batch: readonly Entry[]): Entry[][] {
  const runs: Entry[][] = [];
  for (const entry of batch) {
    const last = runs.at(-1);
    if (last?.at(-1)?.index === entry.index - 1) last.push(entry);
    else runs.push([entry]);
  }
  return runs;
}

/** Reads digits out of opened coefficients and adds up runs; a digit's total stays far below 2^53. */
class SumReader {
  readonly #dataset: PlanDataset;
  readonly #digits: { readout: Readout; values: Float64Array }[];

  constructor(dataset: PlanDataset) {
    this.#dataset = dataset;
    const variants = Math.max(1, ...dataset.variantBlocks.map((b) => b.first + b.count));
    this.#digits = dataset.readouts.map((readout) => ({
      readout,
      values: new Float64Array(readout.perVariant ? variants : 1),
    }));
  }

  add({ contraction, variantBlock }: Entry, coefficients: Coefficients): void {
    const block =
      variantBlock === noVariantBlock ? { first: 0, count: 1 } : this.#dataset.variantBlocks[variantBlock];
    if (block === undefined) return;
    for (const { readout, values } of this.#digits) {
      if (readout.contraction !== contraction) continue;
      const { coefficient, divisor, modulus } = readout;
      for (let v = 0; v < block.count; v += 1) {
        const code = Math.floor((coefficients[coefficient + v] as number) / divisor);
        const digit = modulus === null ? code : code % modulus;
        values[block.first + v] = (values[block.first + v] as number) + digit;
      }
    }
  }

  total(): Map<string, bigint[]> {
    const sums = new Map<string, bigint[]>();
    for (const { readout, values } of this.#digits) {
      const sum = sums.get(readout.sum) ?? new Array<bigint>(values.length).fill(0n);
      for (let v = 0; v < values.length; v += 1) {
        const value = BigInt(values[v] as number) << BigInt(readout.radixPower);
        sum[v] = (sum[v] as bigint) + BigInt(readout.sign) * value;
      }
      sums.set(readout.sum, sum);
    }
    return sums;
  }
}
