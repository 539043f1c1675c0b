import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { housekeepingContract, openTestStore, storeContract, tempFolder } from "@cos/testkit";
import { expect, it } from "vitest";
import { openEmbeddedStore } from "../src/index.ts";

storeContract(openTestStore);
housekeepingContract(openTestStore);

it("lets one opener in, says so to the second, and lets the next in after the first has closed", async () => {
  const { store, dataDir, dispose } = await openTestStore();
  await expect(openEmbeddedStore({ dataDir })).rejects.toMatchObject({ code: "STORE_LOCKED" });
  const script = new URL("./write-until-killed.ts", import.meta.url);
  const child = fork(script, [dataDir], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  let said = "";
  child.stderr!.on("data", (piece) => {
    said += piece;
  });
  const [code] = await once(child, "exit");
  expect([code, said.includes("STORE_LOCKED")]).toEqual([1, true]);
  await store.close();
  const again = await openEmbeddedStore({ dataDir });
  expect((await again.schema("x").query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  await again.close();
  await dispose();
});

it("keeps what was committed and nothing else when the process is killed at any moment", async () => {
  const { store: empty, dataDir, dispose } = await openTestStore();
  await empty.close();
  const reported = new Set<number>();
  for (const commits of [1, 9, 60, 120]) {
    const child = fork(new URL("./write-until-killed.ts", import.meta.url), [dataDir], {
      stdio: "inherit",
    });
    await killAfter(child, commits, reported);
    const store = await openEmbeddedStore({ dataDir: dataDir });
    const db = store.schema("kill");
    const { rows } = await db.query<{ id: number; halves: bigint; fill: number }>(
      "SELECT id, count(*) AS halves, sum(length(fill))::int AS fill FROM pair GROUP BY id ORDER BY id",
    );
    const found = new Set(rows.map(({ id }) => id));
    expect([...reported].filter((id) => !found.has(id))).toEqual([]);
    expect(rows.filter(({ halves, fill }) => halves !== 2n || fill !== 10_000)).toEqual([]);
    expect(rows.filter(({ id }) => id < 0)).toEqual([]);
    await store.close();
  }
  await dispose();
}, 180_000);

it("starts over when the process was killed while it initialised the folder", async () => {
  const folder = await tempFolder("half");
  await mkdir(join(folder.path, "pg.new"), { recursive: true });
  await writeFile(join(folder.path, "pg.new", "PG_VERSION"), "18");
  const store = await openEmbeddedStore({ dataDir: folder.path });
  expect((await store.schema("x").query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  await store.close();
  await folder.remove();
});

/** Kills the child right after it reported its n-th commit: it is then somewhere inside the next transaction. */
async function killAfter(child: ChildProcess, commits: number, reported: Set<number>): Promise<void> {
  let left = commits;
  child.on("message", (id) => {
    reported.add(Number(id));
    left -= 1;
    if (left === 0) child.kill("SIGKILL");
  });
  const [code, signal] = await once(child, "exit");
  expect([code, signal]).toEqual([null, "SIGKILL"]);
}
