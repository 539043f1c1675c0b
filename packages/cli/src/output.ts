import type { CosFailure } from "@cos/client";
import { SingleBar } from "cli-progress";
import type { Io } from "./io.ts";

/** What a command has to say: one document for `--json`, lines for people. */
export type CommandResult = {
  readonly data: unknown;
  readonly text: readonly string[];
  /** Exit code, where an answer that is no failure should still stop a script. */
  readonly code?: number;
};

export type Bar = { update(done: number, total: number): void; stop(): void };

/** Prints results and failures. Standard output carries the answer alone; progress and notes go to standard error. */
export class Output {
  readonly json: boolean;
  readonly #io: Io;

  constructor(io: Io, json: boolean) {
    this.#io = io;
    this.json = json;
  }

  result({ data, text }: CommandResult): void {
    if (this.json) this.#io.stdout.write(`${JSON.stringify(data, jsonSafe, 2)}\n`);
    else for (const line of text) this.#io.stdout.write(`${line}\n`);
  }

  /** A passing remark for people. */
  note(line: string): void {
    if (!this.json) this.#io.stderr.write(`${line}\n`);
  }

  failure(failure: CosFailure): void {
    const { kind, code, message, clause, facts, hint } = failure;
    if (this.json) {
      const error = { code, kind, message, clause: clause ?? null, facts, hint: hint ?? null };
      this.#io.stdout.write(`${JSON.stringify({ error }, jsonSafe, 2)}\n`);
      return;
    }
    const proof = Object.entries(facts).map(([name, value]) => `${name}=${value}`);
    this.#io.stderr.write(`cos: ${message} [${code}]\n`);
    if (proof.length > 0) this.#io.stderr.write(`     ${proof.join(" ")}\n`);
    if (hint !== undefined) this.#io.stderr.write(`     ${hint}\n`);
  }

  unexpected(cause: unknown, verbose: boolean): void {
    const message = cause instanceof Error ? cause.message : String(cause);
    if (this.json) {
      const error = { code: "UNEXPECTED", kind: "unexpected", message, clause: null, facts: {}, hint: null };
      this.#io.stdout.write(`${JSON.stringify({ error }, null, 2)}\n`);
    } else {
      this.#io.stderr.write(`cos: unexpected: ${message}\n`);
      this.#io.stderr.write("     this is a bug or a broken machine; --verbose shows where\n");
    }
    if (verbose && cause instanceof Error) this.#io.stderr.write(`${cause.stack}\n`);
  }

  /** A progress bar on a terminal, nothing elsewhere. */
  bar(what: string, unit: "MB" | "tasks" | "blocks" | "ciphertexts"): Bar {
    if (this.json || this.#io.stderr.isTTY !== true) return { update: () => {}, stop: () => {} };
    const scale = unit === "MB" ? 1e6 : 1;
    const digits = unit === "MB" ? 1 : 0;
    const bar = new SingleBar({
      format: `${what.padEnd(12)} {bar} {percentage}% {done}/{all} ${unit} {eta_formatted}`,
      stream: this.#io.stderr,
      hideCursor: true,
      clearOnComplete: true,
    });
    let started = false;
    return {
      update: (done, total) => {
        const shown = { done: (done / scale).toFixed(digits), all: (total / scale).toFixed(digits) };
        if (!started) bar.start(total, done, shown);
        else bar.update(done, shown);
        started = true;
      },
      stop: () => bar.stop(),
    };
  }
}

const jsonSafe = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? value.toString() : value;

/** Columns under headings, aligned. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...rows.map((row) => (row[i] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(headings), ...rows.map(line)];
}

export const shortHex = (hex: string): string => (hex.length > 14 ? `${hex.slice(0, 10)}…` : hex);
export const formatTime = (unixSeconds: number): string =>
  unixSeconds === 0 ? "-" : new Date(unixSeconds * 1000).toISOString().replace(".000Z", "Z");
export const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
