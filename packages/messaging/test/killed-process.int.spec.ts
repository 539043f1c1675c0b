import { fork } from "node:child_process";
import { once } from "node:events";
import { openTestStore } from "@cos/testkit";
import { expect, it } from "vitest";

const script = new URL("./relay-until-killed.ts", import.meta.url);

it("counts every committed fact once at the end of a chain of consumers, whenever the process is killed", async () => {
  const { store, dataDir, dispose } = await openTestStore();
  await store.close();
  for (const progress of [3, 17, 40]) {
    const child = fork(script, [dataDir, "work"]);
    let left = progress;
    child.on("message", () => {
      left -= 1;
      if (left === 0) child.kill("SIGKILL");
    });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
  }
  const last = fork(script, [dataDir, "drain"]);
  let result: { fact: string; first: string; second: string } | undefined;
  last.on("message", (said: typeof result | "progress") => {
    if (typeof said === "object") result = said;
  });
  expect(await once(last, "exit")).toEqual([0, null]);
  const facts = result!.fact.split(",").map(Number);
  expect(facts).toEqual(Array.from({ length: facts.length }, (_, at) => at + 1));
  expect(facts.length).toBeGreaterThanOrEqual(60);
  expect(result!.first).toBe(result!.fact);
  expect(result!.second).toBe(result!.fact);
  await dispose();
}, 180_000);
