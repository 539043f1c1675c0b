import type { JobQuote, QuotedAlternative } from "@cos/client";
import { expect, it } from "vitest";
import { explanation } from "./explanation.ts";

const way = (over: Partial<QuotedAlternative>): QuotedAlternative => ({
  dataset: 0,
  name: "allele-counts",
  profile: "bgv-2048-50-t12289",
  maxRowsPerRun: 54,
  runs: 12,
  tasks: 7,
  restBytes: 23_400_000,
  inputBytes: 23_400_000,
  resultBytes: 2_457_600,
  seconds: { wasm: 0.26, native: 0.09 },
  computeFee: "46",
  lost: null,
  ...over,
});
const refused = { error: { code: "LAYOUT_MISSING", input: "y" } };
const quote = {
  costModel: "cos-cost/1",
  alternatives: [
    way({}),
    way({
      name: "other",
      lost: { code: "COSTS_MORE", facts: { factor: 3.14, mostly: "fetching the result" } },
    }),
    way({ name: "third", tasks: 0, lost: { code: "NOT_PUBLISHED", facts: { factor: 0.5 } } }),
    way({ name: "fourth", profile: "", seconds: {}, lost: { code: "REFUSED", facts: refused } }),
  ],
} as unknown as JobQuote;

it("marks what will run, puts every number in its column, and says why the others lost", () => {
  const lines = explanation(quote);
  const cells = lines.slice(0, 5).map((line) => line.trim().split(/\s{2,}/));
  expect(cells[0]).toEqual([
    ...["WAY", "PARAMETERS", "RUNS", "TASKS", "AT REST", "READ", "RESULT", "S WASM", "S NATIVE", "FEE"],
  ]);
  expect(cells[1]).toEqual([
    ...["* allele-counts", "bgv-2048-50-t12289", "12 of 54", "7", "23.4 MB", "23.4 MB", "2.5 MB"],
    ...["0.3", "0.1", "46"],
  ]);
  expect(cells[3]?.[3]).toBe("-"); // nothing would run: the dataset does not hold it
  expect(cells[4]).toEqual(["fourth", ...new Array(9).fill("-")]);
  expect(lines.slice(5)).toEqual([
    "other: would cost 3.1 times as much, mostly by fetching the result",
    "third: is not in the dataset; fixed at encryption it would cost 0.50 of what is taken",
    'fourth: is refused: LAYOUT_MISSING {"input":"y"}',
    "ranked by cos-cost/1; * is what the job will run",
  ]);
});
