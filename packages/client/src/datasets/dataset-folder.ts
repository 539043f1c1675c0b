import { mkdir, open, readdir, readFile, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ObjectSink } from "@cos/programs";
import {
  type Digest,
  digestOfBytes,
  type Manifest,
  manifestBytes,
  type ObjectRef,
  parseManifest,
} from "@cos/protocol";
import { CosFailure } from "../failure.ts";
import type { Upload } from "../objects/transfers.ts";

/**
 * An encrypted dataset on disk before it is published: `manifest.json` and `objects/<64 hex>`. Everything in it is what
 * will leave the house, and nothing else: no key, no name, no row map.
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

  /** Removes what was written after a failure, so that nothing half-made stays behind. */
  async discard(): Promise<void> {
    await rm(join(this.dir, "objects"), { recursive: true, force: true });
    await rm(join(this.dir, "manifest.json"), { force: true });
    await rmdir(this.dir).catch(() => {}); // the user's own files, if there are any, keep it
  }

  /** Stores an object under its digest. */
  readonly sink: ObjectSink = async (object, bytes) => {
    await writeFile(this.#objectPath(object), bytes, { mode: 0o600 });
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

  #objectPath = ({ digest }: ObjectRef): string => join(this.dir, "objects", digest.slice(2));
}
