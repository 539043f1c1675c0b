import { err, ok, type Result } from "@cos/protocol";
import type { BimFamError, FileError, VcfError } from "../errors.ts";
import type { Sample } from "../sample.ts";
import { type TextLine, textLines } from "../text/text-lines.ts";
import { FIXED_COLUMNS, type ParsedRecord, type RecordPolicy, recordParser } from "./parse-record.ts";

/** Longest data or header line taken: 32 MiB holds GT:AD:DP:GQ:PL of half a million people. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;
const MAX_HEADER_LINES = 1_000_000;

const COLUMNS = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"];
const VERSION = /^##fileformat=VCFv4\.\d+$/;

export type VcfItem =
  | { readonly type: "samples"; readonly samples: readonly Sample[] }
  | { readonly type: "record"; readonly line: number; readonly record: ParsedRecord };

type Item = Result<VcfItem, FileError | VcfError | BimFamError>;

/**
 * Streams a VCF 4.x file, plain or compressed: first its samples, then its records in file order.
 * The first error ends the stream. Memory: one chunk of lines.
 *
 * @errors `VcfError`, `DUPLICATE_SAMPLE`, `NO_SAMPLES`, `UNKNOWN_CONTIG`, and those of `textLines`
 * @source VCF 4.1 to 4.5 specifications, sections 1.1 to 1.6
 */
export async function* readRecords(file: string, policy: RecordPolicy): AsyncGenerator<Item> {
  let parse: ReturnType<typeof recordParser> | undefined;
  let lastLine = 0;
  for await (const batch of textLines(file, { maxLineBytes: MAX_LINE_BYTES })) {
    if (!batch.ok) {
      yield batch;
      return;
    }
    for (const line of batch.value) {
      lastLine = line.number;
      if (parse !== undefined) {
        if (line.text === "") continue;
        const record = parse(line);
        yield record.ok ? ok({ type: "record", line: line.number, record: record.value }) : record;
        if (!record.ok) return;
        continue;
      }
      const header = readHeaderLine(file, line);
      if (!header.ok) {
        yield header;
        return;
      }
      if (header.value === undefined) continue;
      parse = recordParser(file, line.text, header.value.length, policy);
      yield ok({ type: "samples", samples: header.value });
    }
  }
  if (parse === undefined)
    yield err({ code: "VCF_BAD_HEADER", file, line: lastLine, reason: "no #CHROM line" });
}

/** @returns the samples at the #CHROM line, undefined before it */
function readHeaderLine(
  file: string,
  { text, number: line }: TextLine,
): Result<Sample[] | undefined, VcfError | BimFamError> {
  const plain = line === 1 ? text.replace(/^\uFEFF/, "") : text;
  if (line === 1) return VERSION.test(plain) ? ok(undefined) : err({ code: "VCF_BAD_VERSION", file, line });
  if (plain.startsWith("##")) {
    if (line <= MAX_HEADER_LINES) return ok(undefined);
    return err({ code: "VCF_BAD_HEADER", file, line, reason: `more than ${MAX_HEADER_LINES} header lines` });
  }
  const columns = plain.split("\t");
  if (COLUMNS.slice(0, 8).some((name, i) => columns[i] !== name)) {
    return err({
      code: "VCF_BAD_HEADER",
      file,
      line,
      reason: "the #CHROM line is missing or its columns are wrong",
    });
  }
  if (columns.length <= FIXED_COLUMNS) return err({ code: "NO_SAMPLES", file });
  if (columns[8] !== COLUMNS[8]) {
    return err({ code: "VCF_BAD_HEADER", file, line, reason: "the ninth column is not FORMAT" });
  }
  return toSamples(file, line, columns.slice(FIXED_COLUMNS));
}

function toSamples(
  file: string,
  line: number,
  names: readonly string[],
): Result<Sample[], VcfError | BimFamError> {
  if (names.some((name) => name.trim() === "")) {
    return err({ code: "VCF_BAD_HEADER", file, line, reason: "a sample has no name" });
  }
  if (new Set(names).size !== names.length)
    return err({ code: "DUPLICATE_SAMPLE", file, line, firstLine: line });
  return ok(names.map((id) => ({ familyId: id, id, sex: "unknown", founder: true })));
}
