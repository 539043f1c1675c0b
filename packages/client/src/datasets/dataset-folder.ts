import {
  appendFile,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { BlockLabel } from "@cos/fhe";
import { type ObjectSink, objectsOf } from "@cos/programs";
import {
  canonicalJson,
  type Digest,
  digestOfBytes,
  type Manifest,
  manifestBytes,
  type ObjectRef,
  parseManifest,
} from "@cos/protocol";
import { freeNow } from "@cos/protocol/free-now";
import { CosFailure } from "../failure.ts";
import type { Upload } from "../objects/transfers.ts";

/**
 * An encrypted dataset on disk before it is published: `manifest.json` and `objects/<64 hex>`, and while it is being
 * encrypted `journal.jsonl`, which says which block is which object. Everything in it is what will leave the house, and
 * nothing else: no key, no name, no row map.
 */
export class DatasetFolder {
  readonly dir: string;

  constructor(dir: string) {
    this.dir = dir;
  }

  /** Makes the folder; refuses one that holds another dataset. */
  async create(): Promise<void> {
    const present = await readdir(this.dir).catch((): string[] => []);
    if (present.includes("manifest.json")) {
      throw new CosFailure("usage", "FOLDER_TAKEN", `${this.dir} holds an encrypted dataset already`, {
        hint: "choose another --out folder; nothing is overwritten",
      });
    }
    await mkdir(join(this.dir, "objects"), { recursive: true, mode: 0o700 });
  }

  /** Blocks that an interrupted encryption stored here, by label: those whose bytes are still what their digest says. */
  async finishedBlocks(): Promise<Map<string, ObjectRef>> {
    const text = await readFile(this.#journalPath, "utf8").catch(() => "");
    const finished = new Map<string, ObjectRef>();
    for (const line of text.split("\n").slice(0, -1)) {
      const { label, object } = JSON.parse(line) as { label: BlockLabel; object: ObjectRef };
      if (await this.#isWhole(object)) finished.set(canonicalJson(label), object);
    }
    return finished;
  }

  /** Forgets which blocks were stored here. */
  async forgetBlocks(): Promise<void> {
    await rm(this.#journalPath, { force: true });
  }

  /** Ends an encryption: forgets its journal, and objects that the manifest does not name. */
  async settle(manifest: Manifest): Promise<void> {
    const named = new Set(objectsOf(manifest).map(({ digest }) => digest.slice(2)));
    for (const file of await readdir(join(this.dir, "objects"))) {
      if (!named.has(file)) await rm(join(this.dir, "objects", file), { force: true });
    }
    await this.forgetBlocks();
  }

  /** Removes what was written after a failure, so that nothing half-made stays behind. */
  async discard(): Promise<void> {
    await rm(join(this.dir, "objects"), { recursive: true, force: true });
    await rm(join(this.dir, "manifest.json"), { force: true });
    await this.forgetBlocks();
    await rmdir(this.dir).catch(() => {}); // the user's own files, if there are any, keep it
  }

  /**
   * Stores an object under its digest, whole or not at all, and then notes it: a note never comes before its object. A
   * block's memory is freed then; its encryptor keeps nothing of it.
   */
  readonly sink: ObjectSink = async (object, bytes, label) => {
    const path = this.#objectPath(object);
    await writeFile(`${path}.part`, bytes, { mode: 0o600 });
    await rename(`${path}.part`, path);
    if (label === undefined) return;
    await appendFile(this.#journalPath, `${JSON.stringify({ label, object })}\n`, { mode: 0o600 });
    freeNow(bytes);
  };

  async writeManifest(manifest: Manifest): Promise<ObjectRef> {
    const bytes = manifestBytes(manifest);
    await writeFile(join(this.dir, "manifest.json"), bytes, { mode: 0o600 });
    return { digest: digestOfBytes(bytes), sizeBytes: bytes.length };
  }

  async readManifest(): Promise<{ manifest: Manifest; object: ObjectRef; bytes: Uint8Array }> {
    const bytes = await readFile(join(this.dir, "manifest.json")).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT") throw cause;
      throw new CosFailure("not-found", "NO_DATASET_FOLDER", `${this.dir} holds no encrypted dataset`, {
        hint: "make one with: cos dataset encrypt … --out DIR",
      });
    });
    const parsed = parseManifest(bytes);
    if (!parsed.ok) {
      throw new CosFailure("integrity", parsed.error.code, `the manifest in ${this.dir} cannot be read`);
    }
    return {
      manifest: parsed.value,
      object: { digest: digestOfBytes(bytes), sizeBytes: bytes.length },
      bytes,
    };
  }

  /** Those of the wanted objects that lie here, as uploads. A block that lies elsewhere was published before. */
  async uploadsOf(objects: readonly ObjectRef[]): Promise<Upload[]> {
    const uploads: Upload[] = [];
    for (const object of objects) {
      const file = this.#objectPath(object);
      const size = await stat(file).then(
        (found) => found.size,
        () => undefined,
      );
      if (size === undefined) continue;
      if (size !== object.sizeBytes) {
        throw new CosFailure(
          "integrity",
          "OBJECT_TRUNCATED",
          "an encrypted object has another size than stated",
          {
            facts: { digest: object.digest, expectedBytes: object.sizeBytes, actualBytes: size },
            hint: "encrypt again; never repair a ciphertext",
          },
        );
      }
      uploads.push({ ...object, file });
    }
    return uploads;
  }

  /** The first bytes of those of the wanted objects that lie here. */
  async prefixesOf(objects: readonly ObjectRef[], size: number): Promise<(readonly [Digest, Uint8Array])[]> {
    const prefixes: (readonly [Digest, Uint8Array])[] = [];
    for (const object of objects) {
      const file = await open(this.#objectPath(object)).catch(() => undefined);
      if (file === undefined) continue;
      try {
        const { buffer, bytesRead } = await file.read(new Uint8Array(size), 0, size, 0);
        prefixes.push([object.digest, buffer.subarray(0, bytesRead)]);
      } finally {
        await file.close();
      }
    }
    return prefixes;
  }

  /** What was said of an object before a crash is believed only if its bytes still bear it out. */
  async #isWhole({ digest, sizeBytes }: ObjectRef): Promise<boolean> {
    try {
      const bytes = await readFile(this.#objectPath({ digest, sizeBytes }));
      return bytes.length === sizeBytes && digestOfBytes(bytes) === digest;
    } catch {
      return false;
    }
  }

  get #journalPath(): string {
    return join(this.dir, "journal.jsonl");
  }

  #objectPath = ({ digest }: ObjectRef): string => join(this.dir, "objects", digest.slice(2));
}
