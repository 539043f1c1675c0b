import { err, ok, type Result } from "@cos/protocol";
import type { PhenotypeError } from "../errors.ts";
import type { Sex } from "../sample.ts";
import { type Decimal, parseDecimal } from "./decimal.ts";
import type { SampleMatch } from "./match-samples.ts";
import type { PhenotypeTable } from "./read-phenotype-table.ts";

export const STATUS_MISSING = 0;
export const STATUS_CONTROL = 1;
export const STATUS_CASE = 2;

/** Case/control status per genotyped sample: 0 missing, 1 control, 2 case (PLINK's codes). */
export interface CaseControlTrait {
  readonly kind: "case-control";
  readonly name: string;
  readonly status: Uint8Array;
}

/** Exact measurements per genotyped sample; null is missing. */
export interface QuantitativeTrait {
  readonly kind: "quantitative";
  readonly name: string;
  readonly values: readonly (Decimal | null)[];
}

export type Trait = CaseControlTrait | QuantitativeTrait;
export type TraitKind = Trait["kind"];

const MISSING_TEXT = /^(?:NA|N\/A|NaN|\.)$/i;

/**
 * Takes one column as a trait. Missing: NA, NaN, ".", -9, and 0 in a case/control trait. Without `kind`, a column
 * whose values are all 0, 1, 2 or -9 is case/control (1 control, 2 case), any other is quantitative, as in PLINK.
 *
 * @errors `PHENOTYPE_NO_COLUMN`, `PHENOTYPE_BAD_VALUE` (no number; or, when `kind` asks for case/control, no code),
 *   `PHENOTYPE_OUT_OF_RANGE`, `PHENOTYPE_ALL_MISSING`, `PHENOTYPE_ONE_GROUP`
 */
export function selectTrait(
  table: PhenotypeTable,
  name: string,
  match: SampleMatch,
  kind?: TraitKind,
): Result<Trait, PhenotypeError> {
  const cells = readCells(table, name);
  if (!cells.ok) return cells;
  const coded = cells.value.every((value) => value === null || isCode(value));
  if (kind === "case-control" && !coded) {
    const bad = cells.value.findIndex((value) => value !== null && !isCode(value));
    return err({ code: "PHENOTYPE_BAD_VALUE", file: table.file, line: table.rows[bad]!.line, column: name });
  }
  const isStatus = kind === undefined ? coded : kind === "case-control";
  const ofSample = (row: number): Decimal | null => (row < 0 ? null : cells.value[row]!);
  const rows = Array.from(match.rowOfSample);
  return isStatus
    ? caseControl(
        table.file,
        name,
        Uint8Array.from(rows, (row) => toStatus(ofSample(row))),
      )
    : quantitative(
        table.file,
        name,
        rows.map((row) => ofSample(row)).map((value) => (isMinusNine(value) ? null : value)),
      );
}

/**
 * Takes one column as sexes: 1, M, male; 2, F, female; 0, -9, NA, U, unknown (any case).
 *
 * @errors `PHENOTYPE_NO_COLUMN`, `PHENOTYPE_BAD_VALUE`
 */
export function selectSexes(
  table: PhenotypeTable,
  name: string,
  match: SampleMatch,
): Result<Sex[], PhenotypeError> {
  const column = columnIndex(table, name);
  if (!column.ok) return column;
  const sexes: Sex[] = [];
  for (const row of table.rows) {
    const sex = SEX_WORDS[row.cells[column.value]!.toLowerCase()];
    if (sex === undefined)
      return err({ code: "PHENOTYPE_BAD_VALUE", file: table.file, line: row.line, column: name });
    sexes.push(sex);
  }
  return ok(Array.from(match.rowOfSample, (row) => (row < 0 ? "unknown" : sexes[row]!)));
}

const SEX_WORDS: Readonly<Record<string, Sex>> = Object.assign(Object.create(null) as Record<string, Sex>, {
  "1": "male",
  m: "male",
  male: "male",
  "2": "female",
  f: "female",
  female: "female",
  "0": "unknown",
  "-9": "unknown",
  na: "unknown",
  u: "unknown",
  unknown: "unknown",
});

/** The column's numbers, row by row; null where the text says missing. -9 stays a number here. */
function readCells(table: PhenotypeTable, name: string): Result<(Decimal | null)[], PhenotypeError> {
  const column = columnIndex(table, name);
  if (!column.ok) return column;
  const values: (Decimal | null)[] = [];
  for (const { cells, line } of table.rows) {
    const text = cells[column.value]!;
    const value = MISSING_TEXT.test(text) ? null : parseDecimal(text);
    if (value === "not a number")
      return err({ code: "PHENOTYPE_BAD_VALUE", file: table.file, line, column: name });
    if (value === "out of range")
      return err({ code: "PHENOTYPE_OUT_OF_RANGE", file: table.file, line, column: name });
    values.push(value);
  }
  return ok(values);
}

function columnIndex(table: PhenotypeTable, name: string): Result<number, PhenotypeError> {
  const index = table.columns.indexOf(name);
  if (index !== -1) return ok(index);
  return err({ code: "PHENOTYPE_NO_COLUMN", file: table.file, column: name, available: table.columns });
}

const CODES = [0n, 1n, 2n, -9n];
const isCode = ({ digits, scale }: Decimal): boolean => scale === 0 && CODES.includes(digits);
const isMinusNine = (value: Decimal | null): boolean =>
  value !== null && value.scale === 0 && value.digits === -9n;

function toStatus(value: Decimal | null): number {
  if (value?.digits === 1n) return STATUS_CONTROL;
  return value?.digits === 2n ? STATUS_CASE : STATUS_MISSING;
}

function caseControl(
  file: string,
  name: string,
  status: Uint8Array,
): Result<CaseControlTrait, PhenotypeError> {
  const count = (code: number) => status.reduce((sum, value) => sum + Number(value === code), 0);
  const [cases, controls, missing] = [count(STATUS_CASE), count(STATUS_CONTROL), count(STATUS_MISSING)];
  if (cases + controls === 0) {
    return err({ code: "PHENOTYPE_ALL_MISSING", file, column: name, samples: status.length });
  }
  if (cases === 0 || controls === 0) {
    return err({ code: "PHENOTYPE_ONE_GROUP", file, column: name, cases, controls, missing });
  }
  return ok({ kind: "case-control", name, status });
}

function quantitative(
  file: string,
  name: string,
  values: readonly (Decimal | null)[],
): Result<QuantitativeTrait, PhenotypeError> {
  if (values.every((value) => value === null)) {
    return err({ code: "PHENOTYPE_ALL_MISSING", file, column: name, samples: values.length });
  }
  return ok({ kind: "quantitative", name, values });
}
