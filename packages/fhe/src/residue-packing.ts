/**
 * Bit-packing of residues: little-endian, `bits` each (33 to 60), no padding between them.
 * Residues are given as pairs of 32-bit words, low word first, as SEAL lays them out in memory.
 */

/** Writes `count` residues; `out` must be zero and hold `ceil(count * bits / 8)` bytes from `at`, a multiple of 4. */
export function packResidues(
  words: Uint32Array,
  count: number,
  bits: number,
  out: Uint8Array,
  at: number,
): void {
  const target = new Uint32Array(out.buffer, out.byteOffset + at, (count * bits) / 32);
  const highBits = bits - 32;
  let position = 0;
  for (let i = 0; i < count; i += 1) {
    putBits(target, position, words[2 * i] as number, 32);
    putBits(target, position + 32, words[2 * i + 1] as number, highBits);
    position += bits;
  }
}

function putBits(target: Uint32Array, position: number, value: number, bits: number): void {
  const word = position >>> 5;
  const shift = position & 31;
  target[word] = (target[word] as number) | (value << shift);
  if (shift + bits > 32) target[word + 1] = (target[word + 1] as number) | (value >>> (32 - shift));
}

/**
 * Reads `count` residues into `words`.
 * @returns false when a residue is not below `modulus`: such bytes were not made by us
 */
export function unpackResidues(
  packed: Uint8Array,
  at: number,
  count: number,
  bits: number,
  modulus: bigint,
  words: Uint32Array,
): boolean {
  const source = new Uint32Array(packed.buffer, packed.byteOffset + at, (count * bits) / 32);
  const highBits = bits - 32;
  const highMask = 2 ** highBits - 1;
  const modulusLow = Number(modulus & 0xffffffffn);
  const modulusHigh = Number(modulus >> 32n);
  let position = 0;
  let canonical = true;
  for (let i = 0; i < count; i += 1) {
    const low = takeBits(source, position, 32);
    const high = takeBits(source, position + 32, highBits) & highMask;
    if (high > modulusHigh || (high === modulusHigh && low >= modulusLow)) canonical = false;
    words[2 * i] = low;
    words[2 * i + 1] = high;
    position += bits;
  }
  return canonical;
}

function takeBits(source: Uint32Array, position: number, bits: number): number {
  const word = position >>> 5;
  const shift = position & 31;
  let value = (source[word] as number) >>> shift;
  if (shift + bits > 32) value |= (source[word + 1] as number) << (32 - shift);
  return value >>> 0;
}
