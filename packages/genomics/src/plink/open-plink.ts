import { type FileHandle, open } from "node:fs/promises";
import { err, ok, type Result } from "@cos/protocol";
import type { BedError, FileError, GenomicsError } from "../errors.ts";
import type { CallBlock } from "../genotype-block.ts";
import { type GenotypeSource, toSource } from "../genotype-source.ts";
import type { ContigPolicy } from "../resolve-contig.ts";
import { systemCode } from "../text/text-lines.ts";
import { BED_HEADER, bedRowBytes, unpackBedRows } from "./bed-codes.ts";
import { readBim } from "./read-bim.ts";
import { readFam } from "./read-fam.ts";

export type PlinkOptions = ContigPolicy;

/**
 * Opens PREFIX.bed, PREFIX.bim and PREFIX.fam (PLINK 1 binary, variant-major) for random access by variant block.
 * The .bed stays on disk; its header and size are checked against the other two here, before anything is read.
 *
 * @param prefix the path without extension, as for `plink --bfile`
 * @errors `FileError`, `BedError`, `BimFamError`
 * @source the PLINK 1.9 file format reference
 */
export async function openPlink(
  prefix: string,
  options: PlinkOptions = {},
): Promise<Result<GenotypeSource, GenomicsError>> {
  const samples = await readFam(`${prefix}.fam`);
  if (!samples.ok) return samples;
  const variants = await readBim(`${prefix}.bim`, options);
  if (!variants.ok) return variants;
  const bed = await openBed(`${prefix}.bed`, variants.value.length, samples.value.length);
  if (!bed.ok) return bed;
  return ok(
    toSource({
      format: "plink",
      species: options.species ?? "human",
      hasFamilyIds: true,
      samples: samples.value,
      variants: variants.value,
      notes: { splitRecords: 0, halfCalls: 0, haploidCalls: 0 },
      readCalls: bed.value.read,
      close: bed.value.close,
    }),
  );
}

interface BedFile {
  read(first: number, count: number): Promise<Result<CallBlock, FileError | BedError>>;
  close(): Promise<void>;
}

async function openBed(
  file: string,
  variants: number,
  samples: number,
): Promise<Result<BedFile, FileError | BedError>> {
  const rowBytes = bedRowBytes(samples);
  let handle: FileHandle | undefined;
  let fault: FileError | BedError | undefined;
  try {
    handle = await open(file);
    fault = await checkBed(handle, file, BED_HEADER.length + variants * rowBytes);
  } catch (cause) {
    fault = { code: "FILE_UNREADABLE", file, reason: systemCode(cause) };
  }
  if (handle === undefined || fault !== undefined) {
    await handle?.close();
    return err(fault ?? { code: "FILE_UNREADABLE", file, reason: "closed" });
  }
  const opened = handle;
  return ok({
    read: (first, count) => readRows(opened, file, { first, count, samples, rowBytes }),
    close: () => opened.close(),
  });
}

async function checkBed(
  handle: FileHandle,
  file: string,
  expectedBytes: number,
): Promise<BedError | undefined> {
  const header = Buffer.alloc(BED_HEADER.length);
  const { bytesRead } = await handle.read(header, 0, header.length, 0);
  const { size: actualBytes } = await handle.stat();
  if (bytesRead < header.length)
    return { code: "BED_TRUNCATED", file, byteOffset: bytesRead, expectedBytes, actualBytes };
  if (header[0] !== BED_HEADER[0] || header[1] !== BED_HEADER[1])
    return { code: "BED_BAD_MAGIC", file, byteOffset: 0 };
  if (header[2] !== BED_HEADER[2])
    return { code: "BED_NOT_VARIANT_MAJOR", file, byteOffset: 2, mode: header[2]! };
  if (actualBytes < expectedBytes) {
    return { code: "BED_TRUNCATED", file, byteOffset: actualBytes, expectedBytes, actualBytes };
  }
  if (actualBytes > expectedBytes) {
    return { code: "BED_TOO_LONG", file, byteOffset: expectedBytes, expectedBytes, actualBytes };
  }
  return undefined;
}

interface Rows {
  readonly first: number;
  readonly count: number;
  readonly samples: number;
  readonly rowBytes: number;
}

async function readRows(
  handle: FileHandle,
  file: string,
  { first, count, samples, rowBytes }: Rows,
): Promise<Result<CallBlock, FileError | BedError>> {
  const packed = Buffer.alloc(count * rowBytes);
  const start = BED_HEADER.length + first * rowBytes;
  let done = 0;
  while (done < packed.length) {
    const { bytesRead } = await handle.read(packed, done, packed.length - done, start + done);
    if (bytesRead === 0) return err({ code: "FILE_CHANGED", file }); // it had the right size when it was opened
    done += bytesRead;
  }
  return ok({ firstVariant: first, count, samples, codes: unpackBedRows(packed, count, samples) });
}
