type Cell = string | number;

/** Prints a table as Markdown, columns aligned. */
export function printTable(title: string, head: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const texts = [
    head,
    ...rows.map((row) => row.map((cell) => (typeof cell === "number" ? cell.toLocaleString("en") : cell))),
  ];
  const widths = head.map((_, at) => Math.max(...texts.map((row) => (row[at] ?? "").length)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, at) => (row[at] ?? "").padStart(width)).join(" | ")} |`;
  const [first = [], ...others] = texts;
  const rule = `|${widths.map((width) => `${"-".repeat(width + 1)}:`).join("|")}|`;
  console.log([`**${title}**`, "", line(first), rule, ...others.map(line), ""].join("\n"));
}
