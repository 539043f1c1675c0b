import { describe, expect, it } from "vitest";
import { createBufferPool } from "./buffer-pool.ts";

const kib = 1024;

describe("buffer pool", () => {
  it("gives memory of the wanted size, rounded up behind it", () => {
    const block = createBufferPool(0).take(100 * kib);
    expect([block.length, block.byteOffset, block.buffer.byteLength]).toEqual([100 * kib, 0, 128 * kib]);
  });

  it("gives a returned buffer again to a block of about its size", () => {
    const pool = createBufferPool(1024 * kib);
    const first = pool.take(200 * kib);
    pool.give(first.buffer);
    expect(pool.take(190 * kib).buffer).toBe(first.buffer);
    expect(pool.take(190 * kib).buffer).not.toBe(first.buffer);
  });

  it("gives neither a smaller buffer nor one of far more than the size", () => {
    const pool = createBufferPool(10_000 * kib);
    const small = pool.take(64 * kib);
    const large = pool.take(1024 * kib);
    pool.give(small.buffer);
    pool.give(large.buffer);
    expect([small.buffer, large.buffer]).not.toContain(pool.take(200 * kib).buffer);
  });

  it("gives the smallest that fits, so that a large block finds its own", () => {
    const pool = createBufferPool(10_000 * kib);
    const [large, small] = [pool.take(300 * kib), pool.take(200 * kib)];
    for (const { buffer } of [small, large]) pool.give(buffer);
    expect(pool.take(190 * kib).buffer).toBe(small.buffer);
    expect(pool.take(300 * kib).buffer).toBe(large.buffer);
  });

  it("keeps no more memory than it may, the latest first", () => {
    const pool = createBufferPool(256 * kib);
    const blocks = [1, 2, 3].map(() => pool.take(128 * kib).buffer);
    for (const buffer of blocks) pool.give(buffer);
    const again = [1, 2, 3].map(() => pool.take(128 * kib).buffer);
    expect(again[0]).toBe(blocks[2]);
    expect(again[1]).toBe(blocks[1]);
    expect(blocks).not.toContain(again[2]);
  });
});
