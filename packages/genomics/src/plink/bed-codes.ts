/** The two magic bytes and the mode byte (1: variant-major) of a PLINK 1 .bed. */
export const BED_HEADER: Uint8Array = Uint8Array.of(0x6c, 0x1b, 0x01);

/** Bytes of one variant: four samples in a byte. */
export const bedRowBytes = (samples: number): number => Math.ceil(samples / 4);

/**
 * Unpacks rows of two-bit codes, first sample in the lowest bits. Padding bits are not looked at, as PLINK does not.
 *
 * @returns `rows * samples` codes, row-major
 */
export function unpackBedRows(packed: Uint8Array, rows: number, samples: number): Uint8Array {
  const codes = new Uint8Array(rows * samples);
  const whole = samples >> 2;
  let from = 0;
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < whole; i++) {
      const byte = packed[from++]!;
      codes[to++] = byte & 3;
      codes[to++] = (byte >> 2) & 3;
      codes[to++] = (byte >> 4) & 3;
      codes[to++] = byte >> 6;
    }
    const last = samples & 3;
    if (last > 0) {
      const byte = packed[from++]!;
      for (let i = 0; i < last; i++) codes[to++] = (byte >> (2 * i)) & 3;
    }
  }
  return codes;
}

/** The way back: rows of codes, packed with zero padding. */
export function packBedRows(codes: Uint8Array, rows: number, samples: number): Uint8Array {
  const packed = new Uint8Array(rows * bedRowBytes(samples));
  const whole = samples >> 2;
  let from = 0;
  let to = 0;
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < whole; i++, from += 4) {
      packed[to++] =
        codes[from]! | (codes[from + 1]! << 2) | (codes[from + 2]! << 4) | (codes[from + 3]! << 6);
    }
    const last = samples & 3;
    if (last > 0) {
      let byte = 0;
      for (let i = 0; i < last; i++) byte |= codes[from++]! << (2 * i);
      packed[to++] = byte;
    }
  }
  return packed;
}
