import { randomUUID } from "node:crypto";
import { cacheContract, realPart, tempFolder } from "@cos/testkit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheFolder } from "../../../tools/parts/cache-folder.ts";
import { type RedisServer, runRedis } from "../../../tools/parts/redis.ts";
import { openRedisCache, type RedisCache } from "../src/index.ts";

const server = realPart("redis");

async function ready(cache: RedisCache): Promise<RedisCache> {
  await expect.poll(() => cache.ping().then(() => "there", String)).toBe("there");
  return cache;
}

describe.skipIf(server === undefined)("Redis", () => {
  cacheContract(async () => {
    const options = { url: server!, prefix: `test:${randomUUID()}:`, commandTimeoutMs: 5_000 };
    const [cache, sameElsewhere] = await Promise.all([
      ready(openRedisCache(options)),
      ready(openRedisCache(options)),
    ]);
    const dispose = async () => {
      await Promise.all([cache.close(), sameElsewhere.close()]);
    };
    return { cache, sameElsewhere, dispose };
  });
});

describe.skipIf(server === undefined)("a Redis that fails", () => {
  let folder: Awaited<ReturnType<typeof tempFolder>>;
  let redis: RedisServer;
  const rule = { capacity: 2, perSecond: 0.001 };
  beforeAll(async () => {
    folder = await tempFolder("redis-faults");
    redis = await runRedis(folder.path, cacheFolder());
  });
  afterAll(async () => {
    await redis?.server.stop();
    await folder.remove();
  });
  const open = (states: string[]) =>
    ready(openRedisCache({ url: redis.url, onState: (state) => states.push(state) }));

  it.each(["killed", "frozen"])(
    "limits calls by process and loads every value while it is %s",
    async (how) => {
      const states: string[] = [];
      const cache = await open(states);
      const name = `${how}-bucket`;
      await cache.remember("kept", 600, async () => "before");
      await (how === "killed" ? redis.server.kill() : redis.server.freeze());
      const answers = [];
      for (let call = 0; call < 3; call += 1) answers.push((await cache.take(name, rule)).allowed);
      expect(answers).toEqual([true, true, false]);
      expect(await cache.remember("kept", 600, async () => "after")).toBe("after");
      expect(states).toEqual(["lost"]);
      await (how === "killed" ? redis.server.start() : redis.server.thaw());
      await ready(cache);
      await expect
        .poll(async () => (await cache.take(`${name}-again`, rule)).retryAfterSeconds >= 0 && states.at(-1))
        .toBe("found");
      await cache.close();
    },
  );

  it("shows no copy to the process that invalidated it while it was away", async () => {
    const cache = await open([]);
    await cache.remember("fact", 600, async () => "old");
    await redis.server.freeze();
    await cache.invalidate(["fact"]);
    expect(await cache.remember("fact", 600, async () => "new")).toBe("new");
    await redis.server.thaw();
    await ready(cache);
    // Its own copy of "old" was there all the time.
    await expect.poll(() => cache.remember("fact", 600, async () => "new")).toBe("new");
    expect(await cache.remember("fact", 600, async () => "newer")).not.toBe("old");
    await cache.close();
  });

  it("is no reason for a process not to start", async () => {
    await redis.server.kill();
    const cache = openRedisCache({ url: redis.url });
    expect(await cache.take("at-start", rule)).toEqual({ allowed: true, retryAfterSeconds: 0 });
    await redis.server.start();
    await ready(cache);
    await cache.close();
  });
});
