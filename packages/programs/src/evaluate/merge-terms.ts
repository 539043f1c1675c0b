import type { EntryKey, StoredCiphertextList } from "@cos/fhe";
import { compareEntries } from "../plan/plan.ts";

/** A ciphertext that is a result's entry, or is added up into one with others of its key. */
export type Term = EntryKey & {
  context: number;
  degree: 1 | 2;
  /** Where it lies: which partial result, and which entry of it. */
  partial: number;
  record: number;
};

/** All ciphertexts of the partial results, in the order of the result; those of one entry follow one another. */
export function mergeTerms(partials: readonly Pick<StoredCiphertextList, "count" | "describe">[]): Term[] {
  const terms: Term[] = [];
  for (const [partial, { count, describe }] of partials.entries()) {
    for (let record = 0; record < count; record += 1) {
      const { contraction, variantBlock, run, context, degree } = describe(record);
      terms.push({ contraction, variantBlock, run, context, degree, partial, record });
    }
  }
  return terms.sort((a, b) => compareEntries(a, b) || a.partial - b.partial || a.record - b.record);
}

/** Whether the i-th term is the first of its entry; whether it is the last. One that is both is the entry. */
export const beginsEntry = (terms: readonly Term[], i: number): boolean =>
  !sameEntry(terms[i - 1], terms[i] as Term);
export const endsEntry = (terms: readonly Term[], i: number): boolean =>
  !sameEntry(terms[i + 1], terms[i] as Term);

const sameEntry = (other: Term | undefined, term: Term): boolean =>
  other !== undefined && compareEntries(other, term) === 0;

/** Terms that lie one after the other in a partial result. `at`: which of the terms asked about they are. */
export type TermRun = { partial: number; first: number; at: number[] };

/** The reads that fetch some terms: as few as may be. */
export function toRuns(terms: readonly Term[]): TermRun[] {
  const runs: TermRun[] = [];
  const open = new Map<number, TermRun>();
  for (const [at, { partial, record }] of terms.entries()) {
    const run = open.get(partial);
    if (run !== undefined && run.first + run.at.length === record) {
      run.at.push(at);
      continue;
    }
    const begun = { partial, first: record, at: [at] };
    open.set(partial, begun);
    runs.push(begun);
  }
  return runs;
}
