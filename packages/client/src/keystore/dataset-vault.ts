import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "@cos/protocol";
import { z } from "zod";
import { CosFailure } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import { writeSecretFile } from "../home/secret-file.ts";
import { openWithPassphrase, type SealOptions, sealWithPassphrase } from "./age-seal.ts";

const notesSchema = z.strictObject({
  format: z.literal("cos-dataset-notes/1"),
  keyId: z.string(),
  /** The owner's own name for it. */
  name: z.string(),
  /** Number on chain, once it is published. */
  datasetId: z.string().nullable(),
  chainId: z.number().nullable(),
  registry: z.string().nullable(),
  /** SHA-256 of the sealed secret whose kit was restored in a test; another secret needs another test. */
  restoreTestedFor: z.string().nullable(),
});
/** What the owner keeps beside a sealed dataset secret, in the clear: nothing that opens anything. */
export type DatasetNotes = z.infer<typeof notesSchema>;

/** The sealed secrets of an owner's datasets: FHE key, row permutation, sample map, cohorts. One folder a key. */
export class DatasetVault {
  readonly #home: CosHome;

  constructor(home: CosHome) {
    this.#home = home;
  }

  /** Stores (or replaces, as after an append) a secret. A kit must be tested again before the next publishing. */
  async store(
    keyId: Digest,
    name: string,
    secret: Uint8Array,
    passphrase: string,
    options: SealOptions = {},
  ): Promise<DatasetNotes> {
    const before = await this.notes(keyId);
    await writeSecretFile(this.#secretPath(keyId), await sealWithPassphrase(secret, passphrase, options));
    const notes: DatasetNotes = {
      format: "cos-dataset-notes/1",
      keyId,
      name,
      datasetId: before?.datasetId ?? null,
      chainId: before?.chainId ?? null,
      registry: before?.registry ?? null,
      restoreTestedFor: null,
    };
    await this.#writeNotes(notes);
    return notes;
  }

  /** The secret in the clear; the caller erases it. */
  async open(keyId: Digest, passphrase: string): Promise<Uint8Array> {
    const sealed = await this.#sealed(keyId);
    const opened = await openWithPassphrase(sealed, passphrase);
    if (!opened.ok) {
      throw new CosFailure(
        "refused",
        "WRONG_PASSPHRASE",
        "the passphrase does not open the dataset's secret",
      );
    }
    return opened.value;
  }

  async notes(keyId: Digest): Promise<DatasetNotes | undefined> {
    try {
      const text = await readFile(join(this.#folder(keyId), "notes.json"), "utf8");
      return notesSchema.parse(JSON.parse(text));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw cause;
    }
  }

  async list(): Promise<DatasetNotes[]> {
    const folders = await readdir(this.#home.datasets).catch(() => []);
    const all = await Promise.all(folders.sort().map((folder) => this.notes(`0x${folder}` as Digest)));
    return all.filter((notes) => notes !== undefined);
  }

  /** Remembers which dataset on chain the key belongs to. */
  async link(keyId: Digest, on: { datasetId: string; chainId: number; registry: string }): Promise<void> {
    const notes = await this.#must(keyId);
    await this.#writeNotes({ ...notes, ...on });
  }

  /** Records that a kit holding exactly the present secret was restored in a test. */
  async markRestoreTested(keyId: Digest): Promise<void> {
    const notes = await this.#must(keyId);
    await this.#writeNotes({ ...notes, restoreTestedFor: fingerprint(await this.#sealed(keyId)) });
  }

  /** Whether the present secret's kit was restored in a test. */
  async isRestoreTested(keyId: Digest): Promise<boolean> {
    const notes = await this.#must(keyId);
    return notes.restoreTestedFor === fingerprint(await this.#sealed(keyId));
  }

  async #must(keyId: Digest): Promise<DatasetNotes> {
    const notes = await this.notes(keyId);
    if (notes !== undefined) return notes;
    throw new CosFailure(
      "not-found",
      "DATASET_KEY_UNKNOWN",
      "this keystore does not hold the dataset's key",
      {
        facts: { keyId },
        hint: "restore it from its recovery kit: cos keys restore KIT",
      },
    );
  }

  async #sealed(keyId: Digest): Promise<Uint8Array> {
    await this.#must(keyId);
    return readFile(this.#secretPath(keyId));
  }

  #writeNotes = (notes: DatasetNotes): Promise<void> =>
    writeSecretFile(
      join(this.#folder(notes.keyId as Digest), "notes.json"),
      `${JSON.stringify(notes, null, 2)}\n`,
    );

  #folder = (keyId: Digest): string => join(this.#home.datasets, keyId.slice(2));
  #secretPath = (keyId: Digest): string => join(this.#folder(keyId), "secret.age");
}

const fingerprint = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
