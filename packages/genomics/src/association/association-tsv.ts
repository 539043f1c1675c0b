import { err, ok, type Result } from "@cos/protocol";
import type { AssociationTableError } from "../errors.ts";
import { plinkNumber } from "../format/plink-number.ts";
import type { AssocRow } from "./assoc-row.ts";
import type { QassocRow } from "./qassoc-row.ts";

/** PLINK's columns, in PLINK's order. */
export const ASSOC_COLUMNS = ["CHR", "SNP", "BP", "A1", "F_A", "F_U", "A2", "CHISQ", "P", "OR"] as const;
export const QASSOC_COLUMNS = ["CHR", "SNP", "BP", "NMISS", "BETA", "SE", "R2", "T", "P"] as const;

export type AssocFields = Record<(typeof ASSOC_COLUMNS)[number], string>;
export type QassocFields = Record<(typeof QASSOC_COLUMNS)[number], string>;

/** PLINK 1.9 prints a P below the smallest normal double as 0. */
const SMALLEST_P = 2.2250738585072014e-308;
const printedP = (p: number | null): string => plinkNumber(p !== null && p < SMALLEST_P ? 0 : p);

export function assocFields({ variant, a1, a2, ...test }: AssocRow): AssocFields {
  return {
    CHR: variant.contig.label,
    SNP: variant.id,
    BP: String(variant.position),
    A1: a1,
    F_A: plinkNumber(test.caseFrequency),
    F_U: plinkNumber(test.controlFrequency),
    A2: a2,
    CHISQ: plinkNumber(test.chisq),
    P: printedP(test.p),
    OR: plinkNumber(test.oddsRatio),
  };
}

export function qassocFields({ variant, ...fit }: QassocRow): QassocFields {
  return {
    CHR: variant.contig.label,
    SNP: variant.id,
    BP: String(variant.position),
    NMISS: String(fit.nmiss),
    BETA: plinkNumber(fit.beta),
    SE: plinkNumber(fit.se),
    R2: plinkNumber(fit.r2),
    T: plinkNumber(fit.t),
    P: printedP(fit.p),
  };
}

/** A `.assoc` table: tab-separated, one header line, PLINK 1.9's number formats. */
export function assocTsv(rows: readonly AssocRow[]): string {
  return table(ASSOC_COLUMNS, rows.map(assocFields));
}

/** A `.qassoc` table: tab-separated, one header line, PLINK 1.9's number formats. */
export function qassocTsv(rows: readonly QassocRow[]): string {
  return table(QASSOC_COLUMNS, rows.map(qassocFields));
}

function table<C extends string>(columns: readonly C[], rows: readonly Record<C, string>[]): string {
  const lines = rows.map((row) => columns.map((column) => row[column]).join("\t"));
  return `${[columns.join("\t"), ...lines].join("\n")}\n`;
}

export type AssociationTable =
  | { readonly kind: "assoc"; readonly rows: readonly AssocFields[] }
  | { readonly kind: "qassoc"; readonly rows: readonly QassocFields[] };

/**
 * Reads a `.assoc` or `.qassoc` table, ours (tabs) or PLINK's own (blanks), keeping every field as printed.
 *
 * @errors `ASSOCIATION_BAD_HEADER`, `ASSOCIATION_BAD_LINE`
 */
export function parseAssociationTable(text: string): Result<AssociationTable, AssociationTableError> {
  const [header = "", ...lines] = text.split("\n").map((line) => line.trim());
  const names = header.split(/\s+/).join(" ");
  if (names === ASSOC_COLUMNS.join(" ")) {
    const rows = fieldRows(ASSOC_COLUMNS, lines);
    return rows.ok ? ok({ kind: "assoc", rows: rows.value }) : rows;
  }
  if (names === QASSOC_COLUMNS.join(" ")) {
    const rows = fieldRows(QASSOC_COLUMNS, lines);
    return rows.ok ? ok({ kind: "qassoc", rows: rows.value }) : rows;
  }
  return err({ code: "ASSOCIATION_BAD_HEADER", line: 1 });
}

function fieldRows<C extends string>(
  columns: readonly C[],
  lines: readonly string[],
): Result<Record<C, string>[], AssociationTableError> {
  const rows: Record<C, string>[] = [];
  for (const [i, line] of lines.entries()) {
    if (line === "") continue;
    const fields = line.split(/\s+/);
    if (fields.length !== columns.length) {
      return err({
        code: "ASSOCIATION_BAD_LINE",
        line: i + 2,
        columns: fields.length,
        expected: columns.length,
      });
    }
    rows.push(Object.fromEntries(columns.map((column, c) => [column, fields[c]!])) as Record<C, string>);
  }
  return ok(rows);
}
