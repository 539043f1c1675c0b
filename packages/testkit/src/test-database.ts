import { randomBytes } from "node:crypto";
import pg from "pg";

/** A database of its own on a Postgres server. */
export type TestDatabase = { readonly url: string; drop(): Promise<void> };

/** Makes an empty database beside the one that the URL of a superuser names. */
export async function createTestDatabase(serverUrl: string): Promise<TestDatabase> {
  const name = `cos_test_${randomBytes(6).toString("hex")}`;
  const asAdmin = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: serverUrl, connectionTimeoutMillis: 10_000 });
    client.on("error", () => {});
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  await asAdmin(`CREATE DATABASE ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asAdmin(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}
