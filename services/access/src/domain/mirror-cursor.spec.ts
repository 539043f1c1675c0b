import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cursorAt, decideRollback, linkedPrefix, publishableHeights } from "./mirror-cursor.ts";

const block = (number: number, hash: string, parentHash: string) => ({ number, hash, parentHash, time: 0 });
const fresh = { confirmedNumber: -1, finalizedNumber: -1 };

describe("linkedPrefix", () => {
  const tip = { number: 5, hash: "a5" };
  it("takes blocks as long as each names the one before as its parent", () => {
    const good = [block(6, "a6", "a5"), block(7, "a7", "a6")];
    expect(linkedPrefix(tip, good)).toEqual(good);
  });
  it("stops before a block of another branch, a gap, or a node that answered out of turn", () => {
    const first = block(6, "a6", "a5");
    expect(linkedPrefix(tip, [first, block(7, "b7", "b6")])).toEqual([first]);
    expect(linkedPrefix(tip, [first, block(8, "a8", "a6")])).toEqual([first]);
    expect(linkedPrefix(tip, [block(6, "b6", "b5")])).toEqual([]);
  });
});

describe("publishableHeights", () => {
  it("confirms the tip at depth 0 and the block `depth` below it otherwise", () => {
    expect(publishableHeights(fresh, 10, 0, -1)).toEqual({ confirmed: 10, finalized: -1 });
    expect(publishableHeights(fresh, 10, 3, -1)).toEqual({ confirmed: 7, finalized: -1 });
  });
  it("finalises nothing that is not mirrored, and confirms what is final however deep confirmation is", () => {
    expect(publishableHeights(fresh, 10, 6, 12)).toEqual({ confirmed: 10, finalized: 10 });
    expect(publishableHeights(fresh, 10, 6, 8)).toEqual({ confirmed: 8, finalized: 8 });
  });
  it("never takes back (law)", () => {
    const height = fc.integer({ min: -1, max: 50 });
    fc.assert(
      fc.property(height, height, height, fc.nat(20), height, (confirmed, finalized, tip, depth, chain) => {
        const cursor = { confirmedNumber: Math.max(confirmed, finalized), finalizedNumber: finalized };
        const next = publishableHeights(cursor, Math.max(tip, cursor.confirmedNumber), depth, chain);
        expect(next.confirmed).toBeGreaterThanOrEqual(cursor.confirmedNumber);
        expect(next.finalized).toBeGreaterThanOrEqual(cursor.finalizedNumber);
        expect(next.confirmed).toBeGreaterThanOrEqual(next.finalized);
      }),
    );
  });
});

describe("decideRollback", () => {
  it("goes back to the finalised block itself, and halts one below it", () => {
    expect(decideRollback({ finalizedNumber: 7 }, 7)).toEqual({ ok: true, value: { to: 7 } });
    expect(decideRollback({ finalizedNumber: 7 }, 6)).toMatchObject({
      ok: false,
      error: { code: "REORG_BELOW_FINALITY", ancestor: 6, finalized: 7 },
    });
  });
  it("takes published heights back with the tip", () => {
    const cursor = { mirrored: { number: 10, hash: "a" }, confirmedNumber: 9, finalizedNumber: 4 };
    expect(cursorAt(cursor, { number: 8, hash: "b" })).toEqual({
      mirrored: { number: 8, hash: "b" },
      confirmedNumber: 8,
      finalizedNumber: 4,
    });
  });
});
