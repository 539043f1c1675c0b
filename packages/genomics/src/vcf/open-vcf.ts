import { stat } from "node:fs/promises";
import { err, ok, type Result } from "@cos/protocol";
import type { GenomicsError } from "../errors.ts";
import type { CallBlock } from "../genotype-block.ts";
import { type GenotypeSource, toSource } from "../genotype-source.ts";
import { bedRowBytes, packBedRows, unpackBedRows } from "../plink/bed-codes.ts";
import type { Sample } from "../sample.ts";
import { systemCode } from "../text/text-lines.ts";
import type { Variant } from "../variant.ts";
import type { RecordPolicy } from "./parse-record.ts";
import { readRecords } from "./read-records.ts";

export interface VcfOptions extends RecordPolicy {
  /**
   * Packed calls (two bits each) are kept while they fit; beyond it they are dropped and blocks are read from the
   * file again. Default 256 MiB: a thousand people at a million sites.
   */
  readonly memoryBytes?: number;
  /** More variants than this are refused. Default 50 million. */
  readonly maxVariants?: number;
}

/**
 * Opens a VCF 4.x file, plain, gzipped or bgzipped. The whole file is read and checked once here, so that a bad line
 * near the end is found before any work starts. Samples have no family and no sex (see `withSexes`).
 *
 * Calls are stored as PLINK stores them: a haploid call as homozygous, a half-missing one as missing.
 *
 * @errors `FileError`, `VcfError`, `DUPLICATE_SAMPLE`, `NO_SAMPLES`, `NO_VARIANTS`, `UNKNOWN_CONTIG`
 * @cost about 1 s per 20 million GT-only calls; blocks beyond `memoryBytes` are cheap in file order, and going back
 *   reads from the start
 */
export async function openVcf(
  file: string,
  options: VcfOptions = {},
): Promise<Result<GenotypeSource, GenomicsError>> {
  const stamp = await stampOf(file);
  const scan = await scanVcf(file, options);
  if (!scan.ok) return scan;
  const { samples, variants, packed, notes } = scan.value;
  const streamed = packed === undefined ? streamReader(file, options, scan.value, stamp) : undefined;
  return ok(
    toSource({
      format: "vcf",
      species: options.species ?? "human",
      hasFamilyIds: false,
      samples,
      variants,
      notes,
      readCalls: async (first, count) => {
        if (streamed !== undefined) return streamed.read(first, count);
        return ok(unpackRows(packed!, first, count, samples.length));
      },
      close: async () => streamed?.close(),
    }),
  );
}

interface Scan {
  samples: readonly Sample[];
  variants: Variant[];
  /** One packed row per variant; undefined once they would not fit. */
  packed: Uint8Array[] | undefined;
  notes: { splitRecords: number; halfCalls: number; haploidCalls: number };
}

const DEFAULT_MEMORY_BYTES = 256 * 1024 * 1024;
const DEFAULT_MAX_VARIANTS = 50_000_000;

async function scanVcf(file: string, options: VcfOptions): Promise<Result<Scan, GenomicsError>> {
  const { memoryBytes = DEFAULT_MEMORY_BYTES, maxVariants = DEFAULT_MAX_VARIANTS } = options;
  const scan: Scan = {
    samples: [],
    variants: [],
    packed: [],
    notes: { splitRecords: 0, halfCalls: 0, haploidCalls: 0 },
  };
  for await (const item of readRecords(file, options)) {
    if (!item.ok) return item;
    if (item.value.type === "samples") {
      scan.samples = item.value.samples;
      continue;
    }
    const { record, line } = item.value;
    scan.variants.push(...record.variants);
    scan.notes.splitRecords += record.variants.length > 1 ? 1 : 0;
    scan.notes.halfCalls += record.halfCalls;
    scan.notes.haploidCalls += record.haploidCalls;
    if (scan.variants.length > maxVariants)
      return err({ code: "TOO_MANY_VARIANTS", file, line, maxVariants });
    const samples = scan.samples.length;
    if (scan.variants.length * bedRowBytes(samples) > memoryBytes) scan.packed = undefined;
    scan.packed?.push(
      ...record.variants.map((_, v) => packBedRows(row(record.codes, v, samples), 1, samples)),
    );
  }
  return scan.variants.length === 0 ? err({ code: "NO_VARIANTS", file }) : ok(scan);
}

const row = (codes: Uint8Array, v: number, samples: number): Uint8Array =>
  codes.subarray(v * samples, (v + 1) * samples);

function unpackRows(packed: readonly Uint8Array[], first: number, count: number, samples: number): CallBlock {
  const codes = new Uint8Array(count * samples);
  for (let v = 0; v < count; v++) codes.set(unpackBedRows(packed[first + v]!, 1, samples), v * samples);
  return { firstVariant: first, count, samples, codes };
}

/** Reads blocks from the file, going on where the last one ended; calls that overlap in time wait for each other. */
function streamReader(file: string, options: VcfOptions, scan: Scan, stamp: string) {
  const samples = scan.samples.length;
  let rows: AsyncGenerator<Result<Uint8Array, GenomicsError>> | undefined;
  let next = 0;
  let turn: Promise<unknown> = Promise.resolve();

  const close = async () => {
    await rows?.return(undefined);
    rows = undefined;
    next = 0;
  };

  const read = (first: number, count: number): Promise<Result<CallBlock, GenomicsError>> => {
    const result = turn.then(() => readNow(first, count));
    turn = result.catch(() => undefined);
    return result;
  };

  const readNow = async (first: number, count: number): Promise<Result<CallBlock, GenomicsError>> => {
    if ((await stampOf(file)) !== stamp) return err({ code: "FILE_CHANGED", file });
    if (first < next) await close();
    rows ??= codeRows(file, options, samples);
    const codes = new Uint8Array(count * samples);
    while (next < first + count) {
      const step = await rows.next();
      if (step.done === true) return err({ code: "FILE_CHANGED", file });
      if (!step.value.ok) return step.value;
      if (next >= first) codes.set(step.value.value, (next - first) * samples);
      next++;
    }
    return ok({ firstVariant: first, count, samples, codes });
  };

  return { read, close };
}

async function* codeRows(
  file: string,
  options: VcfOptions,
  samples: number,
): AsyncGenerator<Result<Uint8Array, GenomicsError>> {
  for await (const item of readRecords(file, options)) {
    if (!item.ok) {
      yield item;
      return;
    }
    if (item.value.type === "samples") continue;
    const { variants, codes } = item.value.record;
    for (let v = 0; v < variants.length; v++) yield ok(row(codes, v, samples));
  }
}

/** Size and time of the last change; a missing file reads as a stamp of its own, the scan then reports it. */
async function stampOf(file: string): Promise<string> {
  try {
    const { size, mtimeMs } = await stat(file);
    return `${size}@${mtimeMs}`;
  } catch (cause) {
    return systemCode(cause);
  }
}
