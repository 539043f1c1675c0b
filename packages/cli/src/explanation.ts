import type { JobQuote, QuotedAlternative } from "@cos/client";
import { megabytes, table } from "./output.ts";

/** The ways that a planner considered, as a table, and under it why the others lost. */
export function explanation({ alternatives, costModel }: JobQuote): string[] {
  const engines = [...new Set(alternatives.flatMap((a) => Object.keys(a.seconds)))];
  const rows = alternatives.map((a) => [
    `${a.lost === null ? "*" : " "} ${a.name}`,
    a.profile || "-",
    ...(a.profile === ""
      ? Array.from({ length: 6 + engines.length }, () => "-")
      : [
          `${a.runs} of ${a.maxRowsPerRun}`,
          a.tasks === 0 ? "-" : String(a.tasks),
          megabytes(a.restBytes),
          megabytes(a.inputBytes),
          megabytes(a.resultBytes),
          ...engines.map((engine) => (a.seconds[engine] ?? 0).toFixed(1)),
          a.computeFee,
        ]),
  ]);
  const seconds = engines.map((engine) => `S ${engine.toUpperCase()}`);
  return [
    ...table(["WAY", "PARAMETERS", "RUNS", "TASKS", "AT REST", "READ", "RESULT", ...seconds, "FEE"], rows),
    ...alternatives.filter((a) => a.lost !== null).map((a) => `${a.name}: ${reason(a)}`),
    `ranked by ${costModel}; * is what the job will run`,
  ];
}

function reason({ lost }: QuotedAlternative): string {
  const { code, facts } = lost ?? { code: "", facts: {} };
  const factor = typeof facts.factor === "number" ? facts.factor : 0;
  switch (code) {
    case "COSTS_MORE":
      return `would cost ${factor.toFixed(1)} times as much, mostly by ${String(facts.mostly)}`;
    case "NOT_PUBLISHED":
      return `is not in the dataset; fixed at encryption it would cost ${factor.toFixed(2)} of what is taken`;
    case "REFUSED": {
      const { code: why = "", ...proof } = (facts.error ?? {}) as Record<string, unknown>;
      return `is refused: ${String(why)} ${JSON.stringify(proof)}`;
    }
    default:
      return code;
  }
}
