import { createHash } from "node:crypto";
import { digestOfJson, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockRowBytes, deleteRows, openBlock } from "./block-container.ts";
import { encodeBlockHead, rowDigest, toBlockHeader } from "./block-head.ts";
import { contextOf } from "./context.ts";
import { countsProfile, sumsProfile } from "./profiles.ts";

const context = contextOf(countsProfile, digestOfJson("key"));
const other = contextOf(countsProfile, digestOfJson("another key"));
const label = { array: "genotypes/x", segment: "s1", variantBlock: 3, rowBlock: 0 };
const seed = Uint8Array.from({ length: 32 }, (_, i) => i);
const payload = (fill: number) => new Uint8Array(blockRowBytes(countsProfile, 1)).fill(fill);
const head = encodeBlockHead(toBlockHeader(context, 1, label), seed, Uint32Array.of(4, 7, 9));
const rowOf = (index: number) => [rowDigest(seed, index, payload(index)), payload(index)];
const block = new Uint8Array(Buffer.concat([head, ...[4, 7, 9].flatMap(rowOf)]));

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

/** The block with 32-bit words of its fixed part replaced, before anything is sealed again. */
function withWord(at: number, value: number): Uint8Array {
  const bytes = block.slice();
  new DataView(bytes.buffer).setUint32(at, value, true);
  return bytes;
}

describe("openBlock", () => {
  it("gives rows back under their stream indexes, at multiples of 32 bytes", () => {
    const opened = unwrap(openBlock(block, { contextDigest: context.digest, label }));
    expect([...opened.streamIndexes]).toEqual([4, 7, 9]);
    expect(opened.seed).toEqual(seed);
    expect(unwrap(opened.row(1))).toEqual(payload(7));
    expect(unwrap(opened.ciphertext(1, 0))).toEqual({
      seed,
      streamIndex: 7,
      ciphertext: 0,
      packed: payload(7),
    });
    expect(opened.ciphertext(1, 1)).toMatchObject({ error: { code: "CONTAINER_MALFORMED" } });
    expect([opened.rowsAt % 64, opened.rowStride % 32, opened.rowStride]).toEqual([0, 0, 32 + 12_800]);
    expect(opened.rows.subarray(opened.rowStride + 32, 2 * opened.rowStride)).toEqual(payload(7));
  });

  it("refuses a block of another key, of other parameters, and one from elsewhere", () => {
    expect(openBlock(block, { contextDigest: other.digest })).toMatchObject({
      error: { code: "CONTEXT_MISMATCH", expected: other.digest, actual: context.digest },
    });
    const sums = contextOf(sumsProfile, digestOfJson("key"));
    expect(openBlock(block, { contextDigest: sums.digest })).toMatchObject({
      error: { code: "CONTEXT_MISMATCH" },
    });
    const foreign = { ...toBlockHeader(context, 1, label), parameterDigest: sumsProfile.digest };
    const rows = block.subarray(head.length);
    expect(
      openBlock(Buffer.concat([encodeBlockHead(foreign, seed, Uint32Array.of(4, 7, 9)), rows])),
    ).toMatchObject({
      error: { code: "CONTEXT_MISMATCH", expected: countsProfile.digest, actual: sumsProfile.digest },
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
          error: { code: "CONTAINER_TRUNCATED" },
        });
      }),
    );
    expect(readAll(Buffer.concat([block, Buffer.from([0])]))).toMatchObject({
      error: { code: "CONTAINER_MALFORMED" },
    });
  });

  it("refuses a changed bit anywhere, the seed's included", () => {
    const places = fc.oneof(fc.nat(head.length - 1), fc.nat(block.length - 1));
    fc.assert(
      fc.property(places, fc.nat(7), (at, bit) => {
        const changed = block.slice();
        changed[at] = (changed[at] as number) ^ (1 << bit);
        expect(readAll(changed).ok).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  it("refuses counts and sizes that the bytes do not bear out, before it looks further", () => {
    for (const bytes of [
      withWord(8, 0xffff_fffc),
      withWord(12, 0xffff_ffff),
      withWord(12, 0),
      withWord(4, 1),
    ]) {
      expect(openBlock(bytes)).toMatchObject({ error: { code: "CONTAINER_MALFORMED" } });
    }
    // A million rows may be a block's; this one has not the bytes even for their index.
    expect(openBlock(withWord(12, 1_000_000))).toMatchObject({
      error: { code: "CONTAINER_TRUNCATED", actualBytes: block.length },
    });
  });

  it("refuses rows that do not ascend, however well sealed", () => {
    const sealed = encodeBlockHead(toBlockHeader(context, 1, label), seed, Uint32Array.of(4, 7, 9));
    const swapped = Buffer.from(sealed);
    const at = swapped.indexOf(Buffer.from(Uint32Array.of(4, 7, 9).buffer));
    swapped.writeUInt32LE(7, at);
    expect(openBlock(resealed(swapped, block.subarray(head.length)))).toMatchObject({
      error: { code: "CONTAINER_MALFORMED", detail: "rows out of order" },
    });
  });

  it("refuses a head in any other form than ours, however well sealed", () => {
    const spaced = Buffer.from(head);
    const json = spaced.subarray(48, 48 + spaced.readUInt32LE(8));
    json.write('{"label":', 0); // the same length, keys out of order: JSON still, or not, but not canonical
    expect(openBlock(resealed(spaced, block.subarray(head.length)))).toMatchObject({
      error: { code: "CONTAINER_MALFORMED" },
    });
    const padded = Buffer.from(head);
    padded[padded.length - 33] = 1;
    expect(openBlock(resealed(padded, block.subarray(head.length)))).toMatchObject({
      error: { code: "CONTAINER_MALFORMED", detail: "header is not canonical" },
    });
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
  it("drops the rows and leaves the others as they were, seed and digests included", () => {
    const without = unwrap(deleteRows(block, new Set([7, 100]))) as Uint8Array;
    const opened = unwrap(openBlock(without, { contextDigest: context.digest, label }));
    expect([...opened.streamIndexes]).toEqual([4, 9]);
    expect(opened.seed).toEqual(seed);
    expect(unwrap(opened.row(1))).toEqual(payload(9));
    expect(Buffer.from(without).includes(Buffer.from(payload(7)))).toBe(false);
    expect(deleteRows(block, new Set())).toEqual({ ok: true, value: block });
  });

  it("returns null when nobody is left", () => {
    expect(deleteRows(block, new Set([4, 7, 9]))).toEqual({ ok: true, value: null });
  });
});

/** The head under a fresh seal: what somebody makes who knows the format. */
function resealed(changed: Buffer, rows: Uint8Array): Uint8Array {
  const bytes = changed.subarray(0, changed.length - 32);
  return new Uint8Array(Buffer.concat([bytes, createHash("sha256").update(bytes).digest(), rows]));
}
