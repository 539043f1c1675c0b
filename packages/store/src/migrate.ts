import { createHash } from "node:crypto";
import type { MigrationStep, Migrations, Queryable, Tx } from "./db.ts";
import { StoreError } from "./db.ts";
import { notExpanding } from "./expand-only.ts";
import { messagingTables } from "./messaging-tables.ts";

/** Steps of the store itself are named so, and no service's are. */
const messagingPrefix = "messaging-";

/**
 * Checks that step ids are unique, so that a merge of two branches cannot lose one, and that steps which are called
 * compatible only add.
 */
export function defineMigrations(migrations: Migrations): Migrations {
  const ids = new Set(migrations.steps.map((step) => step.id));
  if (ids.size !== migrations.steps.length)
    throw new TypeError(`${migrations.schema}: two steps with one id`);
  if (migrations.steps.some(({ id }) => id.startsWith(messagingPrefix)))
    throw new TypeError(`${migrations.schema}: ids that begin with ${messagingPrefix} are the store's own`);
  for (const { id, sql, compatible } of migrations.steps) {
    const reasons = compatible === true ? notExpanding(sql) : [];
    if (reasons.length > 0) {
      const facts = reasons.join("; ");
      throw new TypeError(
        `${migrations.schema}: step ${id} says that it is compatible, and does more than add: ${facts}`,
      );
    }
  }
  return migrations;
}

/**
 * Brings the transaction's schema to the last step; every schema gets outbox, inbox and dead-letter tables first.
 * Two processes that start together run it one after the other.
 * @returns ids of the steps that ran now
 * @throws StoreError `MIGRATION_CHANGED` when a step that has run is not, byte for byte, the one at its place;
 *   `SCHEMA_NEWER` when more steps have run than are given, and one of those is not compatible
 */
export async function migrate(tx: Tx, steps: readonly MigrationStep[]): Promise<string[]> {
  await tx.query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", [`cos.migrate.${tx.schema}`]);
  await tx.query(`CREATE SCHEMA IF NOT EXISTS "${tx.schema}"`);
  await tx.query(`
    CREATE TABLE IF NOT EXISTS schema_migrations (
      position int PRIMARY KEY, id text NOT NULL UNIQUE, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
    ALTER TABLE schema_migrations ADD COLUMN IF NOT EXISTS compatible boolean NOT NULL DEFAULT false`);
  const done = await stepsThatRan(tx);
  const missing = missingSteps(tx.schema, done, steps);
  for (const [index, step] of missing.entries()) {
    await tx.query(step.sql);
    await tx.query(
      "INSERT INTO schema_migrations (position, id, checksum, compatible) VALUES ($1, $2, $3, $4)",
      [done.length + index, step.id, checksumOf(step), step.compatible === true],
    );
  }
  return missing.map(({ id }) => id);
}

/**
 * Checks that the schema has all of these steps.
 * @throws StoreError `SCHEMA_OLDER` when it lacks one, and as `migrate` does
 */
export async function checkMigrated(
  db: Queryable & { readonly schema: string },
  steps: readonly MigrationStep[],
): Promise<void> {
  const { rows } = await db.query<{ there: boolean }>("SELECT to_regclass($1) IS NOT NULL AS there", [
    `"${db.schema}".schema_migrations`,
  ]);
  const missing = missingSteps(db.schema, rows[0]?.there ? await stepsThatRan(db) : [], steps);
  if (missing.length === 0) return;
  throw new StoreError("SCHEMA_OLDER", `schema ${db.schema} lacks ${missing.map(({ id }) => id).join(", ")}`);
}

type RanStep = { id: string; checksum: string; compatible: boolean };

async function stepsThatRan(db: Queryable): Promise<RanStep[]> {
  const { rows } = await db.query<RanStep>(
    "SELECT id, checksum, compatible FROM schema_migrations ORDER BY position",
  );
  return rows;
}

/** The store's own steps and the service's are two sequences: each has run from its beginning, without gaps. */
function missingSteps(
  schema: string,
  done: readonly RanStep[],
  steps: readonly MigrationStep[],
): MigrationStep[] {
  const own = ({ id }: { id: string }): boolean => id.startsWith(messagingPrefix);
  return [
    ...missingOf(schema, done.filter(own), messagingTables),
    ...missingOf(
      schema,
      done.filter((step) => !own(step)),
      steps,
    ),
  ];
}

function missingOf(
  schema: string,
  done: readonly RanStep[],
  steps: readonly MigrationStep[],
): readonly MigrationStep[] {
  for (const [position, ran] of done.entries()) {
    const given = steps[position];
    if (given === undefined) {
      if (ran.compatible) continue;
      throw new StoreError("SCHEMA_NEWER", `schema ${schema}: ${ran.id} has run, which this release lacks`);
    }
    if (given.id === ran.id && checksumOf(given) === ran.checksum) continue;
    const facts = `schema ${schema}, step ${position}: ${ran.id} has run, ${given.id} is given`;
    throw new StoreError("MIGRATION_CHANGED", facts);
  }
  return steps.slice(done.length);
}

const checksumOf = (step: MigrationStep): string => createHash("sha256").update(step.sql).digest("hex");
