import { digestOfJson, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deleteRows, openBlock, seededCiphertextBytes, writeBlock } from "./block-container.ts";
import { contextOf } from "./context.ts";
import { countsProfile, sumsProfile } from "./profiles.ts";

const context = contextOf(countsProfile, digestOfJson("key"));
const other = contextOf(countsProfile, digestOfJson("another key"));
const label = { array: "genotypes/x", segment: "s1", variantBlock: 3, rowBlock: 0 };
const payload = (fill: number) => new Uint8Array(seededCiphertextBytes(countsProfile)).fill(fill);
const block = writeBlock(
  context,
  1,
  label,
  [4, 7, 9].map((streamIndex) => ({ streamIndex, ciphertexts: payload(streamIndex) })),
);

/** Opens and reads every row, as an evaluator does. */
function readAll(bytes: Uint8Array) {
  const opened = openBlock(bytes, { contextDigest: context.digest, label });
  if (!opened.ok) return opened;
  for (let i = 0; i < opened.value.streamIndexes.length; i += 1) {
    const row = opened.value.row(i);
    if (!row.ok) return row;
  }
  return opened;
}

describe("openBlock", () => {
  it("gives rows back under their stream indexes", () => {
    const opened = unwrap(openBlock(block, { contextDigest: context.digest, label }));
    expect([...opened.streamIndexes]).toEqual([4, 7, 9]);
    expect(unwrap(opened.row(1))).toEqual([payload(7)]);
  });

  it("refuses a block of another key, of other parameters, and one from elsewhere", () => {
    expect(openBlock(block, { contextDigest: other.digest })).toMatchObject({
      error: { code: "CONTEXT_MISMATCH", expected: other.digest, actual: context.digest },
    });
    const sums = contextOf(sumsProfile, digestOfJson("key"));
    expect(openBlock(block, { contextDigest: sums.digest })).toMatchObject({
      error: { code: "CONTEXT_MISMATCH" },
    });
    expect(openBlock(block, { label: { ...label, rowBlock: 1 } })).toMatchObject({
      error: { code: "CONTAINER_MALFORMED" },
    });
  });

  it("refuses every truncation, and bytes left over", () => {
    fc.assert(
      fc.property(fc.nat(block.length - 1), (size) => {
        expect(readAll(block.slice(0, size))).toMatchObject({
          ok: false,
          error: { code: expect.stringMatching(/^CONTAINER_TRUNCATED$/) },
        });
      }),
    );
    expect(readAll(Buffer.concat([block, Buffer.from([0])]))).toMatchObject({
      error: { code: "CONTAINER_MALFORMED" },
    });
  });

  it("refuses a changed bit anywhere", () => {
    fc.assert(
      fc.property(fc.nat(block.length - 1), fc.nat(7), (at, bit) => {
        const changed = block.slice();
        changed[at] = (changed[at] as number) ^ (1 << bit);
        expect(readAll(changed).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it("never throws and never believes a size, whatever the bytes", () => {
    const start = block.slice(0, 16);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, withMagic) => {
        const hostile = withMagic ? Uint8Array.from([...start, ...bytes]) : bytes;
        expect(openBlock(hostile).ok).toBe(false);
      }),
    );
  });

  it("reads a block that sits at an odd place in a larger buffer", () => {
    const larger = new Uint8Array(block.length + 3);
    larger.set(block, 3);
    expect(readAll(larger.subarray(3)).ok).toBe(true);
  });
});

describe("deleteRows", () => {
  it("drops the rows and leaves the others as they were, digests included", () => {
    const without = unwrap(deleteRows(block, new Set([7, 100]))) as Uint8Array;
    const opened = unwrap(openBlock(without, { contextDigest: context.digest, label }));
    expect([...opened.streamIndexes]).toEqual([4, 9]);
    expect(unwrap(opened.row(1))).toEqual([payload(9)]);
    expect(Buffer.from(without).includes(Buffer.from(payload(7)))).toBe(false);
    expect(deleteRows(block, new Set())).toEqual({ ok: true, value: block });
  });

  it("returns null when nobody is left", () => {
    expect(deleteRows(block, new Set([4, 7, 9]))).toEqual({ ok: true, value: null });
  });
});
