import { err, ok, type Result } from "@cos/protocol";
import { CsvError, type InfoRecord } from "csv-parse";
import { parse } from "csv-parse/sync";
import type { BimFamError, FileError, PhenotypeError } from "../errors.ts";
import { textLines } from "../text/text-lines.ts";

/** A table of people: ids, and one text cell per named column. */
export interface PhenotypeTable {
  readonly file: string;
  /** The table has a column FID, so that a person is (FID, IID). */
  readonly hasFamilyIds: boolean;
  /** Every column but FID and IID, in file order. */
  readonly columns: readonly string[];
  readonly rows: readonly PhenotypeRow[];
}

export interface PhenotypeRow {
  readonly familyId: string;
  readonly id: string;
  /** Line of the file, from 1. */
  readonly line: number;
  /** One per entry of `columns`. */
  readonly cells: readonly string[];
}

type TableError = FileError | PhenotypeError | BimFamError;
type Line = { readonly record: readonly string[]; readonly line: number };

const MAX_LINE_BYTES = 1 << 20;
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/**
 * Reads a phenotype table with a header: FID IID and traits, or IID and traits; tabs, or blanks where the header
 * holds no tab. `#FID`, `#IID`, quoted fields, a byte order mark, CRLF and gzip are understood.
 *
 * @errors `PHENOTYPE_NO_ID_COLUMN`, `PHENOTYPE_DUPLICATE_COLUMN`, `PHENOTYPE_BAD_LINE`, `PHENOTYPE_BAD_QUOTES`,
 *   `DUPLICATE_SAMPLE`, `NO_SAMPLES`, `FILE_TOO_LARGE` (over 256 MiB), and those of `textLines`
 */
export async function readPhenotypeTable(file: string): Promise<Result<PhenotypeTable, TableError>> {
  const lines = await readLines(file);
  if (!lines.ok) return lines;
  const [header, ...body] = lines.value;
  if (header === undefined) return err({ code: "PHENOTYPE_NO_ID_COLUMN", file, line: 1 });
  const names = header.record.map((name) => name.replace(/^#(?=(?:FID|IID)$)/i, ""));
  const duplicate = names.find((name, i) => names.indexOf(name) !== i);
  if (duplicate !== undefined) {
    return err({ code: "PHENOTYPE_DUPLICATE_COLUMN", file, line: header.line, column: duplicate });
  }
  const fid = names.findIndex((name) => name.toUpperCase() === "FID");
  const iid = names.findIndex((name) => name.toUpperCase() === "IID");
  if (iid === -1) return err({ code: "PHENOTYPE_NO_ID_COLUMN", file, line: header.line });

  const rows = toRows(file, body, { names, fid, iid });
  if (!rows.ok) return rows;
  const columns = names.filter((_, i) => i !== fid && i !== iid);
  return ok({ file, hasFamilyIds: fid !== -1, columns, rows: rows.value });
}

interface Layout {
  readonly names: readonly string[];
  /** -1 without one. */
  readonly fid: number;
  readonly iid: number;
}

function toRows(
  file: string,
  body: readonly Line[],
  { names, fid, iid }: Layout,
): Result<PhenotypeRow[], TableError> {
  const rows: PhenotypeRow[] = [];
  const firstLines = new Map<string, number>();
  for (const { record, line } of body) {
    if (record.length !== names.length) {
      return err({ code: "PHENOTYPE_BAD_LINE", file, line, columns: record.length, expected: names.length });
    }
    const id = record[iid]!;
    const familyId = fid === -1 ? id : record[fid]!;
    if (id === "" || familyId === "") {
      return err({ code: "PHENOTYPE_BAD_VALUE", file, line, column: id === "" ? names[iid]! : names[fid]! });
    }
    const key = `${familyId}\t${id}`;
    const firstLine = firstLines.get(key);
    if (firstLine !== undefined) return err({ code: "DUPLICATE_SAMPLE", file, line, firstLine });
    firstLines.set(key, line);
    rows.push({ familyId, id, line, cells: record.filter((_, i) => i !== fid && i !== iid) });
  }
  return rows.length === 0 ? err({ code: "NO_SAMPLES", file }) : ok(rows);
}

async function readLines(file: string): Promise<Result<Line[], TableError>> {
  const parts: string[] = [];
  let size = 0;
  for await (const batch of textLines(file, { maxLineBytes: MAX_LINE_BYTES })) {
    if (!batch.ok) return batch;
    for (const { text } of batch.value) {
      size += text.length + 1;
      parts.push(text);
    }
    if (size > MAX_FILE_BYTES) return err({ code: "FILE_TOO_LARGE", file, maxBytes: MAX_FILE_BYTES });
  }
  const tabs = parts.find((text) => text.trim() !== "")?.includes("\t") ?? false;
  const lines: Line[] = [];
  try {
    parse(parts.join("\n"), {
      bom: true,
      delimiter: tabs ? "\t" : " ",
      relax_column_count: true,
      skip_empty_lines: true,
      trim: !tabs,
      on_record: (record: string[], { lines: line }: InfoRecord) => {
        const cells = tabs ? record.map((cell) => cell.trim()) : record.filter((cell) => cell !== "");
        if (cells.some((cell) => cell !== "")) lines.push({ record: cells, line });
        return null;
      },
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    return err({ code: "PHENOTYPE_BAD_QUOTES", file, line: Number(cause.lines ?? 0) });
  }
  return ok(lines);
}
