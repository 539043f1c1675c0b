import { jobTable, reached } from "./job-state.ts";

/** The job state machine as a Mermaid state diagram and a table, drawn from {@link jobTable}. */
export function jobDiagram(): string {
  const rows = Object.entries(jobTable);
  const arrows = rows.flatMap(([move, row]) =>
    row.from.map((from) => `  ${from} --> ${row.to === reached ? "reached" : row.to}: ${move}`),
  );
  const table = rows.map(([move, row]) => {
    const to = row.to === reached ? "as far as the stored work goes" : row.to;
    return `| ${move} | ${row.from.join(", ")} | ${to} | ${row.why} |`;
  });
  return [
    "```mermaid",
    "stateDiagram-v2",
    "  state reached <<choice>>",
    "  [*] --> PERMITTED",
    ...arrows,
    ...["PERMITTED", "PLANNED", "RUNNING", "REDUCING", "COMPLETED"].map((to) => `  reached --> ${to}`),
    "  SETTLED --> [*]",
    "```",
    "",
    "| move | from | to | when |",
    "|---|---|---|---|",
    ...table,
    "",
  ].join("\n");
}
