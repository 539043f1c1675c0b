import { openEmbeddedStore } from "../src/index.ts";

/** Writes pairs of rows, one transaction each, and reports every commit to its parent; every third rolls back. */
const store = await openEmbeddedStore({ dataDir: process.argv[2]! });
const db = store.schema("kill");
await db.migrate({
  schema: "kill",
  steps: [
    { id: "1", sql: "CREATE TABLE pair (id int NOT NULL, fill text NOT NULL); CREATE INDEX ON pair (id)" },
  ],
});
const { rows } = await db.query<{ last: number | null }>("SELECT max(id) AS last FROM pair");
for (let id = (rows[0]?.last ?? 0) + 1; ; id += 1) {
  const abandoned = id % 3 === 0;
  const write = db.inTransaction(async (tx) => {
    const stored = abandoned ? -id : id;
    await tx.query("INSERT INTO pair VALUES ($1, repeat('x', 5000))", [stored]);
    await tx.query("INSERT INTO pair VALUES ($1, repeat('y', 5000))", [stored]);
    if (abandoned) throw new Error("abandoned");
  });
  await write.catch(() => {});
  if (!abandoned) process.send!(id);
}
