import type { Cache } from "@cos/cache";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/** What every cache does, in memory or shared. `make` opens an empty one, and a second view of the same where there is one. */
export function cacheContract(
  make: () => Promise<{ cache: Cache; sameElsewhere: Cache; dispose(): Promise<void> }>,
): void {
  describe("cache", () => {
    let made: Awaited<ReturnType<typeof make>>;
    let cache: Cache;
    let elsewhere: Cache;
    beforeEach(async () => {
      made = await make();
      cache = made.cache;
      elsewhere = made.sameElsewhere;
    });
    afterEach(() => made.dispose());

    const slow = { capacity: 3, perSecond: 0.001 };

    it("gives what a bucket holds, then says how long to wait", async () => {
      const answers = [
        await cache.take("a", slow),
        await elsewhere.take("a", slow),
        await cache.take("a", slow),
      ];
      expect(answers).toEqual(Array(3).fill({ allowed: true, retryAfterSeconds: 0 }));
      const refused = await elsewhere.take("a", slow);
      expect(refused.allowed).toBe(false);
      // A token takes 1,000 s; a few may have passed on a slow machine.
      expect(refused.retryAfterSeconds).toBeGreaterThan(900);
      expect(refused.retryAfterSeconds).toBeLessThanOrEqual(1_000);
      expect(await cache.take("b", slow)).toMatchObject({ allowed: true });
    });

    it("refuses a call that costs more than is there, and leaves what is there", async () => {
      expect(await cache.take("a", slow, 2)).toMatchObject({ allowed: true });
      expect(await cache.take("a", slow, 2)).toMatchObject({ allowed: false });
      expect(await cache.take("a", slow, 1)).toMatchObject({ allowed: true });
    });

    it("gives no token twice to callers that come at once", async () => {
      const rule = { capacity: 40, perSecond: 0.001 };
      const both = Array.from({ length: 100 }, (_, n) => (n % 2 ? cache : elsewhere).take("rush", rule));
      expect((await Promise.all(both)).filter(({ allowed }) => allowed).length).toBe(40);
    });

    it("fills a bucket again with time", async () => {
      const quick = { capacity: 1, perSecond: 20 };
      await cache.take("a", quick);
      await expect.poll(async () => (await cache.take("a", quick)).allowed).toBe(true);
    });

    it("loads a value once and hands out copies of it until they are invalidated", async () => {
      let loads = 0;
      const load = async () => {
        loads += 1;
        return { n: loads, text: "ü\n" };
      };
      expect(await cache.remember("k", 600, load)).toEqual({ n: 1, text: "ü\n" });
      expect(await elsewhere.remember("k", 600, load)).toEqual({ n: 1, text: "ü\n" });
      await elsewhere.invalidate(["k", "other"]);
      expect(await cache.remember("k", 600, load)).toEqual({ n: 2, text: "ü\n" });
    });

    it("keeps nothing that was loaded while it was invalidated", async () => {
      const stale = await cache.remember("k", 600, async () => {
        await elsewhere.invalidate(["k"]); // the fact changes after it was read
        return "old";
      });
      expect(stale).toBe("old");
      expect(await cache.remember("k", 600, async () => "new")).toBe("new");
      expect(await elsewhere.remember("k", 600, async () => "never asked")).toBe("new");
    });

    it("keeps a copy for its time and no longer", async () => {
      await cache.remember("k", 1, async () => "first");
      expect(await cache.remember("k", 1, async () => "second")).toBe("first");
      await expect
        .poll(() => cache.remember("k", 600, async () => "second"), { timeout: 5_000 })
        .toBe("second");
    });

    it("keeps nothing of a load that fails", async () => {
      const failing = async () => {
        throw new Error("no answer");
      };
      await expect(cache.remember("k", 600, failing)).rejects.toThrow("no answer");
      expect(await cache.remember("k", 600, async () => "there")).toBe("there");
    });
  });
}
