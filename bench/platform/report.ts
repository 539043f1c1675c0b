import { writeFile } from "node:fs/promises";
import { availableParallelism, loadavg } from "node:os";

/** One measured number, and what this machine gives at best by a way that does nothing else, measured in the same run. */
export type Row = {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What `ceiling` is. */
  readonly against?: string;
  readonly ceiling?: number;
  /** value / ceiling. For times, where less is better, how many times the floor. */
  readonly ratio?: number;
  readonly aim?: string;
  /** One-minute load average of the machine when it was measured. */
  readonly load: number;
};

/** Collects rows and prints each as it comes. */
export class Report {
  readonly rows: Row[] = [];
  readonly details: Record<string, unknown> = {};

  add(row: Omit<Row, "ratio" | "load">): void {
    const ratio = row.ceiling === undefined ? {} : { ratio: row.value / row.ceiling };
    const whole = { ...row, ...ratio, load: loadavg()[0] ?? 0 };
    this.rows.push(whole);
    process.stdout.write(`  ${lineOf(whole)}\n`);
  }

  print(): void {
    const head = ["what", "value", "unit", "ceiling", "ratio", "aim"] as const;
    process.stdout.write(`\n${[head, ...this.rows.map(cellsOf)].map(columns).join("\n")}\n`);
  }

  async write(file: string, about: Readonly<Record<string, unknown>>): Promise<void> {
    const machine = { cores: availableParallelism(), node: process.version };
    const whole = { bench: "platform", ...about, machine, rows: this.rows, details: this.details };
    await writeFile(file, `${JSON.stringify(whole, null, 2)}\n`);
  }
}

type Cells = readonly [string, string, string, string, string, string];

function cellsOf({ what, value, unit, ceiling, ratio, aim = "" }: Row): Cells {
  const against = ceiling === undefined ? "" : short(ceiling);
  return [what, short(value), unit, against, ratio === undefined ? "" : ratio.toFixed(2), aim];
}

const columns = ([what, value, unit, ceiling, ratio, aim]: Cells): string =>
  [
    what.padEnd(58),
    value.padStart(8),
    unit.padEnd(10),
    ceiling.padStart(8),
    ratio.padStart(6),
    aim.padEnd(8),
  ].join(" ");

const lineOf = (row: Row): string => columns(cellsOf(row)) + (row.against ? `  against ${row.against}` : "");

const short = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** The value that `share` of the sorted values do not exceed; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
