import { access, readFile, rm } from "node:fs/promises";
import { type DatasetKey, importDatasetKey } from "@cos/fhe";
import { type DatasetVersion, parseRecoveryKit } from "@cos/programs";
import { digestOfBytes, manifestBytes, parseManifest } from "@cos/protocol";
import { z } from "zod";
import { CosFailure, factsOf } from "../failure.ts";
import { writeSecretFile } from "../home/secret-file.ts";
import { openWithPassphrase, sealWithPassphrase } from "../keystore/age-seal.ts";
import { secretBytes } from "./dataset-secret.ts";
import type { Keyring } from "./keyring.ts";
import type { Cohort } from "./open-cohort.ts";

const draftSchema = z.strictObject({
  format: z.literal("cos-encryption-draft/1"),
  /** Of the people, traits, files and choices. */
  fingerprint: z.string(),
  /** Text of a recovery kit: key and secret rows. */
  secret: z.string(),
  /** Text of the manifest without the new blocks. */
  manifest: z.string(),
});

/** What an interrupted encryption drew: the key, who sits in which row, and what it set out to make. */
export type Draft = { readonly key: DatasetKey; readonly version: DatasetVersion };

/**
 * `<folder>.unfinished.age`, beside the folder and sealed as the recovery kit is: from it and the folder's finished blocks an
 * encryption goes on after the process was killed. It is removed when the encryption ends, well or refused.
 */
export class EncryptionDraft {
  readonly path: string;
  readonly #ring: Keyring;
  readonly #fingerprint: string;

  /** @param fingerprint `fingerprintOf` what is being encrypted; a draft of anything else is refused */
  constructor(dir: string, ring: Keyring, fingerprint: string) {
    this.path = `${dir}.unfinished.age`;
    this.#ring = ring;
    this.#fingerprint = fingerprint;
  }

  /** What an earlier run left here. @throws WRONG_PASSPHRASE, DRAFT_MISMATCH, DRAFT_MALFORMED */
  async open(): Promise<Draft | undefined> {
    const sealed = await readFile(this.path).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === "ENOENT") return undefined;
      throw cause;
    });
    if (sealed === undefined) return undefined;
    const opened = await openWithPassphrase(sealed, this.#ring.passphrase);
    if (!opened.ok) {
      throw new CosFailure(
        "refused",
        "WRONG_PASSPHRASE",
        "the passphrase does not open the unfinished encryption",
        {
          facts: { file: this.path },
        },
      );
    }
    try {
      return await this.#parse(opened.value);
    } finally {
      opened.value.fill(0);
    }
  }

  async keep(key: DatasetKey, { manifest, ownerState }: DatasetVersion, now: number): Promise<void> {
    const secret = secretBytes(key, ownerState, manifest, now);
    const draft: z.infer<typeof draftSchema> = {
      format: "cos-encryption-draft/1",
      fingerprint: this.#fingerprint,
      secret: Buffer.from(secret).toString("utf8"),
      manifest: Buffer.from(manifestBytes(manifest)).toString("utf8"),
    };
    secret.fill(0);
    const sealed = await sealWithPassphrase(JSON.stringify(draft), this.#ring.passphrase, this.#ring.seal);
    await writeSecretFile(this.path, sealed);
  }

  /** Whether an encryption into the folder was interrupted. */
  static async isLeftAt(dir: string): Promise<boolean> {
    return access(`${dir}.unfinished.age`).then(
      () => true,
      () => false,
    );
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
  }

  async #parse(bytes: Uint8Array): Promise<Draft> {
    const draft = draftSchema.safeParse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    if (!draft.success) throw malformed({ field: draft.error.issues[0]?.path.join(".") });
    if (draft.data.fingerprint !== this.#fingerprint) {
      throw new CosFailure(
        "usage",
        "DRAFT_MISMATCH",
        "an encryption of something else was interrupted here",
        {
          facts: { file: this.path },
          hint: "repeat it with the files and options that it began with, or choose another --out folder",
        },
      );
    }
    const kit = parseRecoveryKit(JSON.parse(draft.data.secret));
    if (!kit.ok) throw malformed(kit.error);
    const key = await importDatasetKey(Buffer.from(kit.value.key, "base64"));
    if (!key.ok) throw malformed(key.error);
    const manifest = parseManifest(Buffer.from(draft.data.manifest));
    if (!manifest.ok) throw malformed(manifest.error);
    return { key: key.value, version: { manifest: manifest.value, ownerState: kit.value.ownerState } };
  }
}

const malformed = (error: object): CosFailure =>
  new CosFailure("integrity", "DRAFT_MALFORMED", "the unfinished encryption opens, but cannot be read", {
    facts: factsOf(error),
    hint: "remove it and the folder, and encrypt again",
  });

/** Digest of everything that an encryption is made from: people, traits, genotype file and choices. */
export function fingerprintOf({ source, traits, genotypeFile }: Cohort, choices: object): string {
  const people = source.samples.map(({ familyId, id, sex }) => [familyId, id, sex]);
  const text = JSON.stringify({ people, traits, genotypeFile, choices }, (_, value) => {
    if (typeof value === "bigint") return `${value}n`;
    return ArrayBuffer.isView(value) ? [...(value as Uint8Array)] : value;
  });
  return digestOfBytes(new TextEncoder().encode(text));
}
