import { ok, type Result } from "@cos/protocol";
import type { GenomicsError } from "../errors.ts";
import type { GenotypeSource } from "../genotype-source.ts";
import { type CaseControlTrait, STATUS_CASE, STATUS_CONTROL } from "../phenotype/trait.ts";
import type { VariantCounts } from "./assoc-row.ts";
import { type PlaintextOptions, readInBlocks } from "./read-in-blocks.ts";
import { type GroupTally, tallyGroups } from "./tally-groups.ts";

/** Strata: missing, control, case, as the status codes; then the same again for people outside the A1 count. */
const STATUSES = 3;

/**
 * Counts alleles per variant in cases, controls and everybody, in the clear and straight from the file's two-bit
 * codes: it shares no arithmetic with the encrypted path, whose answer it checks count for count.
 *
 * @returns one entry per variant, in the file's order and orientation
 */
export async function plaintextAssoc(
  source: GenotypeSource,
  trait: CaseControlTrait,
  options: PlaintextOptions = {},
): Promise<Result<VariantCounts[], GenomicsError>> {
  assertAligned(source, trait.status.length);
  const outside = (founder: boolean) => Number(options.a1Over === "founders" && !founder) * STATUSES;
  const strata = Uint8Array.from(source.samples, ({ founder }, s) => trait.status[s]! + outside(founder));
  const counts: VariantCounts[] = [];
  const read = await readInBlocks(source, (calls) => {
    for (const tally of tallyGroups(calls, source, { strata, count: 2 * STATUSES }))
      counts.push(toCounts(tally));
  });
  return read.ok ? ok(counts) : read;
}

function toCounts({ a1, called }: GroupTally): VariantCounts {
  const inGroup = (values: readonly number[], status: number) => values[status]! + values[status + STATUSES]!;
  const counted = (values: readonly number[]) =>
    values.slice(0, STATUSES).reduce((sum, value) => sum + value, 0);
  return {
    caseA1: inGroup(a1, STATUS_CASE),
    caseCalled: inGroup(called, STATUS_CASE),
    controlA1: inGroup(a1, STATUS_CONTROL),
    controlCalled: inGroup(called, STATUS_CONTROL),
    totalA1: counted(a1),
    totalCalled: counted(called),
  };
}

export function assertAligned(source: GenotypeSource, length: number): void {
  if (length !== source.samples.length)
    throw new RangeError("the trait is not aligned to the source's samples");
}
