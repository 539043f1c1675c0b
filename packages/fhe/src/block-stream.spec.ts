import { digestOfBytes, digestOfJson, ok, type Result, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blockRowBytes, openBlock } from "./block-container.ts";
import { encodeBlockHead, rowDigest, toBlockHeader } from "./block-head.ts";
import { type BlockRow, openBlockRanges, streamBlock } from "./block-stream.ts";
import { contextOf } from "./context.ts";
import type { ContainerError } from "./framed-file.ts";
import { countsProfile } from "./profiles.ts";

const context = contextOf(countsProfile, digestOfJson("key"));
const label = { array: "genotypes/x", segment: "s1", variantBlock: null, rowBlock: 0 };
const seed = new Uint8Array(32).fill(5);
const indexes = Uint32Array.of(1, 3, 8, 9, 4_000_000_000);
const payload = (index: number) => new Uint8Array(blockRowBytes(countsProfile, 2)).fill(index % 256);
const head = encodeBlockHead(toBlockHeader(context, 2, label), seed, indexes);
const block = new Uint8Array(
  Buffer.concat([head, ...[...indexes].flatMap((i) => [rowDigest(seed, i, payload(i)), payload(i)])]),
);

async function* inPieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort(
    (a, b) => a - b,
  );
  for (const [i, at] of places.entries()) yield bytes.subarray(at, places[i + 1] ?? bytes.length);
}

/** All rows, or the first error. */
async function streamed(
  bytes: Uint8Array,
  cuts: readonly number[] = [],
  sizeBytes = bytes.length,
): Promise<Result<BlockRow[], ContainerError>> {
  const stream = await streamBlock(inPieces(bytes, cuts), sizeBytes, {
    contextDigest: context.digest,
    label,
  });
  if (!stream.ok) return stream;
  const rows: BlockRow[] = [];
  for await (const row of stream.value.rows) {
    if (!row.ok) return row;
    rows.push(row.value);
  }
  return ok(rows);
}

const rangesOf = (bytes: Uint8Array, sizeBytes = bytes.length) =>
  openBlockRanges(async (offset, length) => bytes.subarray(offset, offset + length), sizeBytes);

describe("streamBlock", () => {
  it("gives the rows of openBlock, however the bytes are cut", async () => {
    const opened = unwrap(openBlock(block));
    const expected = [...indexes].map((streamIndex, position) => ({
      position,
      streamIndex,
      payload: digestOfBytes(unwrap(opened.row(position))),
    }));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(block.length), { maxLength: 12 }), async (cuts) => {
        const rows = unwrap(await streamed(block, cuts));
        expect(rows.map((row) => ({ ...row, payload: digestOfBytes(row.payload) }))).toEqual(expected);
      }),
      { numRuns: 25 },
    );
  });

  it("refuses truncated, overlong and changed blocks, whatever size they are said to have", async () => {
    const { length } = block;
    await fc.assert(
      fc.asyncProperty(fc.nat(length - 1), fc.nat(7), fc.boolean(), async (at, bit, isHonest) => {
        const short = await streamed(block.subarray(0, at), [], isHonest ? at : length);
        expect(short).toMatchObject({ ok: false, error: { code: "CONTAINER_TRUNCATED" } });
        const changed = block.slice();
        changed[at] = (changed[at] as number) ^ (1 << bit);
        expect((await streamed(changed)).ok).toBe(false);
      }),
      { numRuns: 60 },
    );
    const long = Buffer.concat([block, Buffer.of(0)]);
    for (const sizeBytes of [length, length + 1]) {
      expect(await streamed(long, [], sizeBytes)).toMatchObject({ error: { code: "CONTAINER_MALFORMED" } });
    }
  });

  it("asks for no more than a head when a count promises a million rows", async () => {
    const huge = block.slice();
    new DataView(huge.buffer).setUint32(12, 1_000_000, true);
    expect(await streamed(huge)).toMatchObject({ error: { code: "CONTAINER_TRUNCATED" } });
  });
});

describe("openBlockRanges", () => {
  it("reads single rows, each checked", async () => {
    const ranges = unwrap(await rangesOf(block));
    expect(ranges.head.streamIndexes).toEqual(indexes);
    for (const position of [4, 0, 2]) {
      expect(unwrap(await ranges.row(position))).toEqual(payload(indexes[position] as number));
    }
    const changed = block.slice();
    changed[block.length - 1] = 77;
    const other = unwrap(await rangesOf(changed));
    expect(await other.row(4)).toMatchObject({ error: { code: "DIGEST_MISMATCH", index: 4 } });
    expect((await other.row(3)).ok).toBe(true);
  });

  it("refuses an object that is smaller than it was said to be", async () => {
    const ranges = unwrap(await rangesOf(block.subarray(0, block.length - 1), block.length));
    expect(await ranges.row(4)).toMatchObject({
      error: { code: "CONTAINER_TRUNCATED", expectedBytes: block.length, actualBytes: block.length - 1 },
    });
    expect((await rangesOf(block, block.length - 1)).ok).toBe(false);
  });
});
