import { describe, expect, it } from "vitest";
import { notExpanding } from "./expand-only.ts";
import { defineMigrations } from "./migrate.ts";

describe("a step that may run beside the earlier release", () => {
  it.each([
    "CREATE TABLE a (b text NOT NULL, UNIQUE (b)); INSERT INTO a VALUES ('x;y'); CREATE UNIQUE INDEX c ON a (b)",
    "CREATE INDEX a_b ON a (b) WHERE b IS NOT NULL; CREATE SEQUENCE s",
    "ALTER TABLE a ADD COLUMN b int NOT NULL DEFAULT 0, ADD COLUMN c numeric(4, 2)",
    "-- DROP TABLE a;\nALTER TABLE a ADD COLUMN b timestamptz NOT NULL DEFAULT now();",
  ])("adds: %s", (sql) => {
    expect(notExpanding(sql)).toEqual([]);
  });

  it.each([
    "DROP TABLE a",
    "DROP INDEX a_b",
    "ALTER TABLE a DROP COLUMN b",
    "ALTER TABLE a RENAME COLUMN b TO c",
    "ALTER TABLE a RENAME TO c",
    "ALTER TABLE a ALTER COLUMN b TYPE bigint",
    "ALTER TABLE a ALTER COLUMN b SET NOT NULL",
    "ALTER TABLE a ADD COLUMN b int NOT NULL",
    "ALTER TABLE a ADD COLUMN b int DEFAULT 1, ALTER COLUMN c SET NOT NULL",
    "ALTER TABLE a ADD COLUMN b text UNIQUE",
    "ALTER TABLE a ADD CONSTRAINT c CHECK (b > 0)",
    "CREATE UNIQUE INDEX c ON a (b)",
    "INSERT INTO a VALUES (1)",
    "UPDATE a SET b = 1",
    "DELETE FROM a",
    "TRUNCATE a",
    "DO $$ BEGIN DROP TABLE a; END $$",
  ])("does nothing else: %s", (sql) => {
    expect(notExpanding(`CREATE TABLE fresh (x int); ${sql}`)).not.toEqual([]);
  });

  it("is what a service may call compatible", () => {
    const steps = (compatible: boolean) => ({
      schema: "s",
      steps: [{ id: "1", compatible, sql: "ALTER TABLE a DROP COLUMN b" }],
    });
    expect(() => defineMigrations(steps(true))).toThrow(
      "s: step 1 says that it is compatible, and does more than add: ALTER TABLE a DROP COLUMN b",
    );
    expect(defineMigrations(steps(false)).steps).toHaveLength(1);
  });
});
