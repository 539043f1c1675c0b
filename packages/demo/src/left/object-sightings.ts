import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FieldSightings } from "./field-sightings.ts";

/** What lies in the object store, by kind. */
export interface ObjectKind {
  readonly kind: string;
  readonly objects: number;
  readonly bytes: number;
}

/** Containers by their first four bytes, and where their header begins. */
const containers: Readonly<Record<string, { kind: string; headerAt: number }>> = {
  COSB: { kind: "ciphertext block (cos-block/2)", headerAt: 48 },
  COSL: { kind: "encrypted sums (cos-ciphertexts/1)", headerAt: 16 },
};
/** Names of the fields that stand beside each payload. */
const recordFields: Readonly<Record<string, readonly string[]>> = {
  COSB: ["seed", "streamIndex", "ciphertext"],
  COSL: ["contraction", "variantBlock", "run", "context", "degree", "ciphertext"],
};

/** Reads every object of a store's folder far enough to say what it is and which fields it shows without a key. */
export async function objectSightings(folder: string, sightings: FieldSightings): Promise<ObjectKind[]> {
  const kinds = new Map<string, { objects: number; bytes: number }>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    const { size } = await stat(path);
    const { kind, fields } = await describe(path, size);
    const known = kinds.get(kind) ?? { objects: 0, bytes: 0 };
    kinds.set(kind, { objects: known.objects + 1, bytes: known.bytes + size });
    for (const field of fields) sightings.add("object store", field, kind);
    for (const field of ["digest", "sizeBytes", "modifiedAt"])
      sightings.add("object store", field, "every object");
  }
  return [...kinds].map(([kind, { objects, bytes }]) => ({ kind, objects, bytes }));
}

async function describe(path: string, size: number): Promise<{ kind: string; fields: string[] }> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(Math.min(16, size));
    await file.read(head, 0, head.length, 0);
    const magic = head.subarray(0, 4).toString("latin1");
    const container = containers[magic];
    if (container === undefined) return describeJson(path);
    const header = Buffer.alloc(head.readUInt32LE(8));
    await file.read(header, 0, header.length, container.headerAt);
    const end = header.indexOf(0);
    const json: unknown = JSON.parse(header.subarray(0, end < 0 ? header.length : end).toString("utf8"));
    return { kind: container.kind, fields: [...leavesOf(json), ...(recordFields[magic] ?? [])] };
  } finally {
    await file.close();
  }
}

async function describeJson(path: string): Promise<{ kind: string; fields: string[] }> {
  try {
    const value = JSON.parse(await readFile(path, "utf8")) as Record<string, unknown>;
    return {
      kind: typeof value.format === "string" ? value.format : "job parameters",
      fields: leavesOf(value),
    };
  } catch {
    return { kind: "object of unknown kind", fields: ["bytes"] };
  }
}

/** Leaves by name; keys that are data themselves (names of traits and parameters) are one field. */
function leavesOf(value: unknown, prefix = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => leavesOf(each, prefix));
  if (typeof value !== "object" || value === null) return prefix === "" ? [] : [prefix];
  return Object.entries(value).flatMap(([name, each]) =>
    leavesOf(each, prefix === "" ? name : `${prefix}.${name}`),
  );
}
