import type { Finding } from "./audit.ts";

export type FaultReport = {
  readonly seed: number;
  readonly jobs: number;
  readonly workers: number;
  readonly regions: number;
  readonly seconds: number;
  readonly clientRetries: number;
  readonly permitsSentAgain: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
};

/** One table: what was done to the platform, then what held. */
export function printTables(report: FaultReport): void {
  const { faults, findings } = report;
  const width = Math.max(
    ...Object.keys(faults).map((name) => name.length),
    ...findings.map(({ rule }) => rule.length),
  );
  const line = (left: string, right: string) => `  ${left.padEnd(width)}  ${right}\n`;
  const total = Object.values(faults).reduce((sum, each) => sum + each, 0);
  process.stdout.write(
    [
      `\n${report.jobs} jobs, ${report.workers} workers in ${report.regions} regions, seed ${report.seed}, ${report.seconds} s\n\n`,
      line("fault", "times"),
      ...Object.entries(faults).map(([name, times]) => line(name, String(times))),
      line("all", String(total)),
      line("calls that people had to repeat", String(report.clientRetries)),
      line("permits sent again after a reorganisation", String(report.permitsSentAgain)),
      "\n",
      line("rule", "held?"),
      ...findings.map(({ rule, ok, seen }) => line(rule, `${ok ? "yes" : "NO "}  ${seen}`)),
      "\n",
    ].join(""),
  );
}
