import { readFile } from "node:fs/promises";
import { CosFailure } from "@cos/client";
import type { Io } from "./io.ts";

export type PassphraseOptions = { readonly passphraseFile?: string };

/** Shortest passphrase for new keys; below it an offline guess is cheap. */
const minLength = 8;

/** The passphrase: from a file, from COS_PASSPHRASE, or asked for without echo. */
export async function readPassphrase(
  io: Io,
  { passphraseFile }: PassphraseOptions,
  question = "Passphrase",
): Promise<string> {
  if (passphraseFile !== undefined) return fromFile(passphraseFile);
  const fromEnvironment = io.env.COS_PASSPHRASE;
  if (fromEnvironment !== undefined && fromEnvironment !== "") return fromEnvironment;
  if (io.interactive) return io.askHidden(question);
  throw new CosFailure("usage", "NO_PASSPHRASE", "a passphrase is needed and nobody can be asked", {
    hint: "give --passphrase-file FILE or set COS_PASSPHRASE",
  });
}

/** A passphrase for new keys: long enough, and typed twice where a person types it. */
export async function newPassphrase(io: Io, options: PassphraseOptions): Promise<string> {
  const passphrase = await readPassphrase(io, options, "New passphrase");
  if (passphrase.length < minLength) {
    throw new CosFailure(
      "usage",
      "PASSPHRASE_TOO_SHORT",
      `a passphrase has at least ${minLength} characters`,
    );
  }
  const typed = options.passphraseFile === undefined && !io.env.COS_PASSPHRASE;
  if (typed && (await io.askHidden("The same again")) !== passphrase) {
    throw new CosFailure("usage", "PASSPHRASES_DIFFER", "the two passphrases differ");
  }
  return passphrase;
}

async function fromFile(path: string): Promise<string> {
  try {
    const text = await readFile(path, "utf8");
    return text.replace(/\r?\n$/, "");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new CosFailure("usage", "NO_PASSPHRASE_FILE", `there is no passphrase file at ${path}`);
  }
}
