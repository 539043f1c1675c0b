import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decideClauses } from "./decide-clauses.ts";
import type { Clauses, Counters, Facts, Query } from "./grant-terms.ts";
import { reasons, refusalCodes } from "./refusal-reason.ts";

/** The cases that Solidity's `ClauseRules.decide` runs too. */
const vectors = JSON.parse(
  readFileSync(new URL("../../../../contracts/test/vectors/clauses.json", import.meta.url), "utf8"),
) as {
  reasons: string[];
  clauseOf: number[];
  defaults: Record<Part, Fields>;
  cases: ({ name: string; expect: string } & Partial<Record<Part, Fields>>)[];
};
type Part = "clauses" | "counters" | "facts" | "query";
type Fields = Record<string, unknown>;

const wide = new Set([
  "notBefore",
  "expiry",
  "epsilonMicro",
  "deltaNano",
  "epsilonReserved",
  "epsilonUsed",
  "deltaReserved",
  "deltaUsed",
  "rateIndex",
  "at",
]);

/** JSON numbers as the twin's types have them; hex in lower case. */
function toFields(fields: Fields): Fields {
  const entries = Object.entries(fields).map(([key, value]) => {
    const name = key === "time" ? "at" : key;
    if (wide.has(name)) return [name, BigInt(value as number | string)];
    return [name, lower(value)];
  });
  return Object.fromEntries(entries) as Fields;
}
const lower = (value: unknown): unknown =>
  typeof value === "string" ? value.toLowerCase() : Array.isArray(value) ? value.map(lower) : value;

describe("the vectors shared with the contract", () => {
  it("number reasons and clauses alike", () => {
    expect([...reasons]).toEqual(vectors.reasons);
    for (const [index, reason] of reasons.entries()) {
      if (reason === "None" || reason === "Allowed") continue;
      expect(refusalCodes[reason].clause, reason).toBe(vectors.clauseOf[index]);
    }
  });

  it.each(vectors.cases)("$name: $expect", (vector) => {
    const part = (name: Part): Fields => toFields({ ...vectors.defaults[name], ...vector[name] });
    const decided = decideClauses(
      part("clauses") as unknown as Clauses,
      part("counters") as unknown as Counters,
      part("facts") as unknown as Facts,
      part("query") as unknown as Query,
    );
    expect(decided).toBe(vector.expect);
  });

  it("name every reason at least once", () => {
    const named = new Set(vectors.cases.map((vector) => vector.expect));
    expect(reasons.filter((reason) => reason !== "None" && !named.has(reason))).toEqual([]);
  });
});
