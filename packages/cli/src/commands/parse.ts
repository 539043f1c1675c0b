import { readFile } from "node:fs/promises";
import { CosFailure, type Platform } from "@cos/client";
import { algorithmIdOf, builtInPrograms } from "@cos/programs";
import { formatOpMask, parseOpMask } from "@cos/protocol";
import type { Context } from "../context.ts";

/** commander: an option that may be given several times. */
export const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];

const badArgument = (what: string, hint: string): CosFailure =>
  new CosFailure("usage", "BAD_ARGUMENT", what, { hint });

/** A whole number in a range. */
export function wholeNumber(text: string, name: string, min = 0, max = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw badArgument(
    `${name} is a whole number from ${min} to ${max}, not '${text}'`,
    "no signs, no decimals",
  );
}

/** A number of a dataset, grant or request on chain. */
export function chainNumber(text: string, name: string): string {
  if (/^[1-9]\d{0,77}$/.test(text)) return text;
  throw badArgument(`${name} is a number on chain such as 1, not '${text}'`, "cos dataset list shows them");
}

/** 32 bytes in hex. */
export function hex32(text: string, name: string): string {
  if (/^0x[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
  throw badArgument(`${name} is 0x and 64 hex digits, not '${text}'`, "cos job list shows them");
}

export function amount(text: string, name: string): bigint {
  if (/^\d{1,38}$/.test(text)) return BigInt(text);
  throw badArgument(
    `${name} is a whole amount in the token's smallest unit, not '${text}'`,
    "1 COSC = 10^18",
  );
}

/** An instant: Unix seconds, or a date and time that JavaScript reads. */
export function instant(text: string, name: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / 1000);
  if (Number.isFinite(seconds)) return seconds;
  throw badArgument(`${name} is a time such as 2030-01-31T12:00:00Z, not '${text}'`, "or Unix seconds");
}

export function operations(text: string): number {
  const mask = parseOpMask(text);
  if (mask.ok) return mask.value;
  throw badArgument(
    `'${mask.error.name}' is no operation`,
    "READ, LIST, EXPORT, COMPUTE, separated by commas",
  );
}
export const operationNames = formatOpMask;

/** A program by its name on this platform, or by its id. */
export function programId(platform: Platform, text: string): { algorithmId: string; name: string } {
  const named = platform.programs[text];
  if (named !== undefined) return { algorithmId: named, name: text };
  if (/^0x[0-9a-fA-F]{64}$/.test(text)) {
    const id = text.toLowerCase();
    const builtIn = builtInPrograms.find((program) => algorithmIdOf(program) === id);
    return { algorithmId: id, name: builtIn?.name ?? id };
  }
  throw new CosFailure("not-found", "PROGRAM_UNKNOWN", `this platform knows no program '${text}'`, {
    facts: { known: Object.keys(platform.programs).join(", ") },
  });
}

/** A text file that the user names. */
export async function readText(context: Context, path: string, what: string): Promise<string> {
  try {
    return await readFile(context.path(path), "utf8");
  } catch (cause) {
    throw new CosFailure("usage", "FILE_UNREADABLE", `${what} ${path} cannot be read`, {
      facts: { reason: String((cause as NodeJS.ErrnoException).code ?? "") },
    });
  }
}
