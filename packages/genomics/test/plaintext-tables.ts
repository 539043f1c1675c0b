import { unwrap } from "@cos/protocol";
import {
  type AssocFields,
  assocRow,
  assocTsv,
  type GenotypeSource,
  type PlaintextOptions,
  parseAssociationTable,
  plaintextAssoc,
  plaintextQassoc,
  type QassocFields,
  qassocRow,
  qassocTsv,
  readTrait,
} from "../src/index.ts";

export interface Study extends PlaintextOptions {
  readonly file: string;
  readonly column: string;
}

/** The case/control table of a study in the clear, as printed. */
export async function assocTable(
  source: GenotypeSource,
  { file, column, ...options }: Study,
): Promise<AssocFields[]> {
  const { trait } = unwrap(await readTrait(source, { file, column }));
  if (trait.kind !== "case-control") throw new Error(`${column} was read as ${trait.kind}`);
  const counts = unwrap(await plaintextAssoc(source, trait, options));
  return tableRows("assoc", assocTsv(counts.map((count, v) => assocRow(source.variants[v]!, count))));
}

/** The quantitative table of a study in the clear, as printed. */
export async function qassocTable(
  source: GenotypeSource,
  { file, column, ...options }: Study,
): Promise<QassocFields[]> {
  const { trait } = unwrap(await readTrait(source, { file, column }));
  if (trait.kind !== "quantitative") throw new Error(`${column} was read as ${trait.kind}`);
  const sums = unwrap(await plaintextQassoc(source, trait, options));
  return tableRows("qassoc", qassocTsv(sums.map((sum, v) => qassocRow(source.variants[v]!, sum))));
}

export function tableRows(kind: "assoc", text: string): AssocFields[];
export function tableRows(kind: "qassoc", text: string): QassocFields[];
export function tableRows(kind: "assoc" | "qassoc", text: string): (AssocFields | QassocFields)[] {
  const table = unwrap(parseAssociationTable(text));
  if (table.kind !== kind) throw new Error(`a ${table.kind} table where ${kind} belongs`);
  return [...table.rows];
}
