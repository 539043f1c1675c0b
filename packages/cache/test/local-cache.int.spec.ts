import { cacheContract } from "@cos/testkit";
import { expect, it } from "vitest";
import { localCache } from "../src/index.ts";

cacheContract(async () => {
  const cache = localCache({ now: () => Date.now() / 1000 });
  return { cache, sameElsewhere: cache, dispose: () => cache.close() };
});

it("forgets what was used least lately when it is full", async () => {
  const cache = localCache({ now: () => 0, maxEntries: 2 });
  const load = (value: string) => async () => value;
  await cache.remember("a", 10, load("a"));
  await cache.remember("b", 10, load("b"));
  await cache.remember("a", 10, load("other"));
  await cache.remember("c", 10, load("c"));
  expect(await cache.remember("a", 10, load("loaded again"))).toBe("a");
  expect(await cache.remember("b", 10, load("loaded again"))).toBe("loaded again");
});
