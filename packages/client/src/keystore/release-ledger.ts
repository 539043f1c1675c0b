import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Digest, digestSchema, rowRangesSchema } from "@cos/protocol";
import { z } from "zod";
import { CosFailure } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import { writeSecretFile } from "../home/secret-file.ts";
import type { Account } from "./account.ts";
import { openWithIdentity, sealTo } from "./age-seal.ts";

const entrySchema = z.strictObject({
  permitId: digestSchema,
  datasetId: z.string(),
  version: z.int().min(1),
  algorithmId: digestSchema,
  paramsHash: digestSchema,
  class: z.enum(["controlled", "open-deposit", "lead-loci"]),
  /** Traits that measure the same thing share a family. */
  traitFamily: z.string(),
  /** Rows whose people the released numbers are about: what differencing compares. */
  cohort: rowRangesSchema,
  /** SHA-256 of the released table's bytes: an identical request gets these bytes again. */
  tableDigest: digestSchema,
  releaseCommitment: digestSchema,
  salt: digestSchema,
  /** Addresses of those who approved. */
  approvedBy: z.array(z.string()),
  /** Lead variants that left, for the cumulative cap. */
  leads: z.array(z.string()),
  releasedAt: z.int(),
});
export type LedgerEntry = z.infer<typeof entrySchema>;

const pathOf = (home: CosHome, keyId: Digest): string => join(home.ledgers, `${keyId.slice(2)}.age`);

/** All releases of one dataset key, oldest first. Sealed to the owner's own key: cohorts are nobody else's business. */
export async function readLedger(home: CosHome, owner: Account, keyId: Digest): Promise<LedgerEntry[]> {
  let sealed: Uint8Array;
  try {
    sealed = await readFile(pathOf(home, keyId));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw cause;
  }
  const opened = await openWithIdentity(sealed, await owner.releaseKey());
  if (!opened.ok) {
    throw new CosFailure("refused", "LEDGER_SEALED", "the ledger of releases is sealed to another account", {
      hint: "use the account that made the earlier releases, or restore it from the recovery kit",
    });
  }
  return z.array(entrySchema).parse(JSON.parse(Buffer.from(opened.value).toString("utf8")));
}

/** Replaces the ledger. `recipient` is the owner's own. */
export async function writeLedger(
  home: CosHome,
  recipient: string,
  keyId: Digest,
  entries: readonly unknown[],
): Promise<void> {
  const checked = z.array(entrySchema).parse(entries);
  await writeSecretFile(pathOf(home, keyId), await sealTo(JSON.stringify(checked), [recipient]));
}
