import { digestOfJson, unwrap } from "@cos/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type ByteSource,
  memorySource,
  openCiphertextList,
  readCiphertextList,
  writeCiphertextList,
} from "./ciphertext-list.ts";
import { countsProfile } from "./profiles.ts";

// One polynomial takes 2048 x 50 bits = 12,800 bytes; the payloads lie at 0, 25,600 and 51,200 behind the head.
const degrees = [1, 1, 2] as const;
const starts = [0, 25_600, 51_200, 89_600];
const packedOf = (index: number) =>
  new Uint8Array(12_800 * (degrees[index]! + 1)).map((_, i) => (i + index) % 251);
const header = {
  planDigest: digestOfJson("plan"),
  taskId: digestOfJson("task"),
  contexts: [
    {
      profile: countsProfile.name,
      parameterDigest: countsProfile.digest,
      contextDigest: digestOfJson("key"),
    },
  ],
};
const list = writeCiphertextList(
  header,
  degrees.map((degree, i) => ({
    contraction: i,
    variantBlock: 7,
    run: i % 2,
    context: 0,
    degree,
    packed: packedOf(i),
  })),
);
const payloadsAt = list.length - 89_600;
const sealAt = payloadsAt - 32;
const recordsAt = sealAt - 3 * 52; // five numbers and a digest each

/** A source that notes what is read of it. */
function watched(bytes: Uint8Array, sizeBytes = bytes.length) {
  const reads: [first: number, length: number][] = [];
  const source: ByteSource = {
    sizeBytes,
    read: (first, length) => {
      reads.push([first, length]);
      return memorySource(bytes).read(first, length);
    },
  };
  return { source, reads };
}

/** What both readers say of the same bytes: the first error, of the head or of an entry, or "sound". */
async function verdicts(bytes: Uint8Array): Promise<unknown[]> {
  const inMemory = openCiphertextList(bytes);
  const stored = await readCiphertextList(memorySource(bytes));
  const firstOf = (results: readonly { ok: boolean; error?: unknown }[]) =>
    results.find((result) => !result.ok)?.error ?? "sound";
  const indexes = degrees.map((_, i) => i);
  return [
    inMemory.ok ? firstOf(indexes.map((i) => inMemory.value.packed(i))) : inMemory.error,
    stored.ok ? firstOf(await Promise.all(indexes.map((i) => stored.value.packed(i)))) : stored.error,
    stored.ok ? firstOf(await stored.value.packedRun(0, 3)) : stored.error,
  ];
}
const flipped = (at: number) => list.with(at, list[at]! ^ 1);

describe("readCiphertextList", () => {
  it("keeps the head and reads ciphertexts as they are wanted, neighbours by one read", async () => {
    const { source, reads } = watched(list);
    const stored = unwrap(await readCiphertextList(source));
    expect(reads).toEqual([
      [0, 16],
      [16, payloadsAt - 16],
    ]);
    expect(stored.header).toEqual({ format: "cos-ciphertexts/1", ...header });
    expect(stored.count).toBe(3);
    expect(stored.describe(2)).toEqual({ contraction: 2, variantBlock: 7, run: 0, context: 0, degree: 2 });
    expect(unwrap(await stored.packed(1))).toEqual(packedOf(1));
    expect((await stored.packedRun(1, 2)).map(unwrap)).toEqual([packedOf(1), packedOf(2)]);
    expect(reads.slice(2)).toEqual([
      [payloadsAt + starts[1]!, 25_600],
      [payloadsAt + starts[1]!, 64_000],
    ]);
    const opened = unwrap(openCiphertextList(list));
    expect([0, 1, 2].map(stored.digest)).toEqual([0, 1, 2].map(opened.digest));
    for (const [first, count] of [[-1, 1] as const, [3, 1] as const, [2, 2] as const]) {
      await expect(stored.packedRun(first, count)).rejects.toThrow(RangeError);
    }
  });

  it("gives out bytes that are the caller's own", async () => {
    const stored = unwrap(await readCiphertextList(memorySource(Buffer.from(list))));
    unwrap(await stored.packed(0)).fill(0);
    expect(unwrap(await stored.packed(0))).toEqual(packedOf(0));
  });

  it("refuses a changed byte where it lies", async () => {
    const record = { code: "DIGEST_MISMATCH", part: "record", index: 1 };
    const head = { code: "DIGEST_MISMATCH", part: "header", index: 0 };
    for (const [at, error] of [
      [payloadsAt + starts[1]!, record],
      [payloadsAt + starts[2]! - 1, record],
      [20, head],
      [recordsAt, head],
      [sealAt - 1, head],
      [sealAt, head],
    ] as const) {
      expect(await verdicts(flipped(at))).toEqual([error, error, error]);
    }
    const kind = { code: "CONTAINER_MALFORMED", detail: "not this kind of container" };
    expect(await verdicts(flipped(0))).toEqual([kind, kind, kind]);
  });

  it("refuses a file that ends early, or late", async () => {
    for (const [sizeBytes, expectedBytes] of [
      [0, 16],
      [15, 16],
      [16, payloadsAt],
      [payloadsAt - 1, payloadsAt],
      [payloadsAt, list.length],
      [list.length - 1, list.length],
    ] as const) {
      const error = { code: "CONTAINER_TRUNCATED", expectedBytes, actualBytes: sizeBytes };
      expect(await verdicts(list.subarray(0, sizeBytes))).toEqual([error, error, error]);
    }
    const late = { code: "CONTAINER_MALFORMED", detail: "bytes after the last payload" };
    expect(await verdicts(Buffer.concat([list, Buffer.of(0)]))).toEqual([late, late, late]);
  });

  it("says the same as the reader of lists in memory, whatever byte is changed or missing", async () => {
    expect(await verdicts(list)).toEqual(["sound", "sound", "sound"]);
    await fc.assert(
      fc.asyncProperty(fc.nat(payloadsAt + 200), fc.nat(7), fc.boolean(), async (at, bit, cut) => {
        const changed = list.with(at, list[at]! ^ (1 << bit));
        const [inMemory, stored, run] = await verdicts(cut ? changed.subarray(0, at + 1) : changed);
        expect(inMemory).not.toBe("sound");
        expect([stored, run]).toEqual([inMemory, inMemory]);
      }),
      { numRuns: 60 },
    );
  });

  it("asks for no head that the file has no room for", async () => {
    const huge = list.slice();
    new DataView(huge.buffer).setUint32(12, 10_000_000, true);
    const { source, reads } = watched(huge);
    expect(await readCiphertextList(source)).toMatchObject({ error: { code: "CONTAINER_TRUNCATED" } });
    expect(reads).toEqual([[0, 16]]);
  });

  it("refuses what is not the file that it opened any more", async () => {
    const bytes = list.slice();
    let there = bytes.length;
    const stored = unwrap(
      await readCiphertextList({
        sizeBytes: bytes.length,
        read: async (first, length) => bytes.slice(first, Math.min(there, first + length)),
      }),
    );
    bytes.fill(0, 0, payloadsAt); // the head is in memory: nobody looks at this one again
    bytes.set(packedOf(1), payloadsAt); // a sound payload, of another entry
    there -= 1;
    expect(await stored.packedRun(0, 3)).toEqual([
      { ok: false, error: { code: "DIGEST_MISMATCH", part: "record", index: 0 } },
      { ok: true, value: packedOf(1) },
      {
        ok: false,
        error: { code: "CONTAINER_TRUNCATED", expectedBytes: list.length, actualBytes: list.length - 1 },
      },
    ]);
  });
});
