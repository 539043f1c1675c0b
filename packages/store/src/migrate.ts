import { createHash } from "node:crypto";
import type { MigrationStep, Migrations, Tx } from "./db.ts";
import { StoreError } from "./db.ts";
import { messagingTables } from "./messaging-tables.ts";

/** Checks that step ids are unique, so that a merge of two branches cannot lose one. */
export function defineMigrations(migrations: Migrations): Migrations {
  const ids = new Set(migrations.steps.map((step) => step.id));
  if (ids.size !== migrations.steps.length)
    throw new TypeError(`${migrations.schema}: two steps with one id`);
  return migrations;
}

/**
 * Brings the transaction's schema to the last step; every schema gets outbox, inbox and dead-letter tables first.
 * Two processes that start together run it one after the other.
 * @throws StoreError `MIGRATION_CHANGED` when a step that has run is not, byte for byte, the one at its place
 */
export async function migrate(tx: Tx, steps: readonly MigrationStep[]): Promise<void> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`cos.migrate.${tx.schema}`]);
  await tx.query(`CREATE SCHEMA IF NOT EXISTS "${tx.schema}"`);
  await tx.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    position int PRIMARY KEY, id text NOT NULL UNIQUE, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  const { rows: done } = await tx.query<{ id: string; checksum: string }>(
    "SELECT id, checksum FROM schema_migrations ORDER BY position",
  );
  const all = [...messagingTables, ...steps];
  for (const [position, { id, checksum }] of done.entries()) {
    const given = all[position];
    if (given?.id === id && checksumOf(given) === checksum) continue;
    throw new StoreError(
      "MIGRATION_CHANGED",
      `schema ${tx.schema}, step ${position}: ${id} has run, ${given?.id} is given`,
    );
  }
  for (const [position, step] of all.entries()) {
    if (position < done.length) continue;
    await tx.query(step.sql);
    await tx.query("INSERT INTO schema_migrations (position, id, checksum) VALUES ($1, $2, $3)", [
      position,
      step.id,
      checksumOf(step),
    ]);
  }
}

const checksumOf = (step: MigrationStep): string => createHash("sha256").update(step.sql).digest("hex");
