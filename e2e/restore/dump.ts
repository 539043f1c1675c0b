import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../tools/parts/run-command.ts";
import { onServer, withDatabase } from "./ground.ts";

/** A copy of a database at one moment, and how to bring an empty database to it. */
export type Backup = { readonly made: string; restore(databaseUrl: string): Promise<void> };

/**
 * What docs/recovery.md tells an operator to run: `pg_dump` while the services are at work, which is one moment of every
 * schema, and `pg_restore` into an empty database. A machine that has only the server's own binaries copies the database
 * inside the server instead, which needs everybody off it.
 *
 * @param quiesce ends everybody's connections, for that copy
 */
export async function backUp(
  folder: string,
  databaseUrl: string,
  serverUrl: string,
  quiesce: () => Promise<void>,
): Promise<Backup> {
  const bin = await clientBin(serverUrl);
  if (bin === undefined) {
    await quiesce();
    return copyInside(databaseUrl, serverUrl);
  }
  const file = join(folder, "store.dump");
  const { PGPASSWORD, target } = connection(databaseUrl);
  await runCommand(join(bin, "pg_dump"), ["--format=custom", `--file=${file}`, ...target], {
    env: { PGPASSWORD },
  });
  return {
    made: "pg_dump",
    restore: async (url) => {
      const into = connection(url);
      await runCommand(
        join(bin, "pg_restore"),
        ["--exit-on-error", "--single-transaction", "--no-owner", ...into.target, file],
        { env: { PGPASSWORD: into.PGPASSWORD } },
      );
    },
  };
}

async function copyInside(databaseUrl: string, serverUrl: string): Promise<Backup> {
  const name = new URL(databaseUrl).pathname.slice(1);
  const copy = `${name}_copy`;
  await onServer(serverUrl, `CREATE DATABASE ${copy} TEMPLATE ${name}`);
  return {
    made: "copy inside the server (no pg_dump of the server's version on this machine)",
    restore: async (url) => {
      const into = new URL(url).pathname.slice(1);
      await onServer(serverUrl, `DROP DATABASE ${into} WITH (FORCE)`);
      await onServer(serverUrl, `ALTER DATABASE ${copy} RENAME TO ${into}`);
    },
  };
}

/** Host, port, user and database by arguments; the password by the environment, where no list of processes shows it. */
function connection(url: string): { PGPASSWORD: string; target: string[] } {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    PGPASSWORD: decodeURIComponent(password),
    target: [
      `--host=${hostname}`,
      `--port=${port || "5432"}`,
      `--username=${decodeURIComponent(username)}`,
      `--dbname=${pathname.slice(1)}`,
    ],
  };
}

/** A pg_dump that is at least as new as the server, which it must be. */
async function clientBin(serverUrl: string): Promise<string | undefined> {
  const [server] = await onServer<{ major: number }>(
    withDatabase(serverUrl, "postgres"),
    "SELECT current_setting('server_version_num')::int / 10000 AS major",
  );
  const debian = "/usr/lib/postgresql";
  const installed = (await readdir(debian).catch(() => [])).map((major) => join(debian, major, "bin"));
  for (const bin of [...installed, ...(process.env.PATH ?? "").split(":")]) {
    const said = await runCommand(join(bin, "pg_dump"), ["--version"]).catch(() => "");
    const major = Number(/ (\d+)/.exec(said)?.[1] ?? 0);
    if (major >= (server?.major ?? 99)) return bin;
  }
  return undefined;
}
