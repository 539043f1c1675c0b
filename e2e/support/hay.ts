import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { openEmbeddedStore } from "@cos/store";
import type { NeedleScanner } from "./needles.ts";

const schemas = ["access", "gateway", "orchestrator", "settlement", "log"];

/** What a scan went through, and what it found where. */
export interface Scan {
  readonly files: number;
  readonly rows: number;
  readonly bytes: number;
  readonly found: readonly string[];
}

/** Scans every file below some folders, byte by byte, and every row of a platform's database as SQL gives it. */
export async function scanAll(
  scanner: NeedleScanner,
  folders: readonly string[],
  storeDir: string,
): Promise<Scan> {
  const total = { files: 0, rows: 0, bytes: 0 };
  const found: string[] = [];
  for (const folder of folders) {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      const bytes = await readFile(path);
      total.files += 1;
      total.bytes += bytes.length;
      for (const name of scanner.scan(bytes)) found.push(`${name} in file ${relative(folder, path)}`);
    }
  }
  const store = await openEmbeddedStore({ dataDir: storeDir });
  try {
    for (const schema of schemas) {
      const db = store.schema(schema);
      const { rows: tables } = await db.query<{ table_name: string }>(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = $1",
        [schema],
      );
      for (const { table_name: table } of tables) {
        const { rows } = await db.query<Record<string, unknown>>(`SELECT * FROM "${schema}"."${table}"`);
        for (const row of rows) {
          total.rows += 1;
          for (const [column, value] of Object.entries(row)) {
            const bytes = value instanceof Uint8Array ? value : Buffer.from(textOf(value));
            total.bytes += bytes.length;
            for (const name of scanner.scan(bytes)) found.push(`${name} in row ${schema}.${table}.${column}`);
          }
        }
      }
    }
  } finally {
    await store.close();
  }
  return { ...total, found: [...new Set(found)].sort() };
}

const textOf = (value: unknown): string =>
  typeof value === "string"
    ? value
    : (JSON.stringify(value, (_, each: unknown) => (typeof each === "bigint" ? `${each}` : each)) ?? "");
