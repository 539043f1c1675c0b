/** Something that must not be found, and what to call it. */
export interface Needle {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The bytes as they are, as hex, and as base64 at each of its three alignments: whichever way they were written down. */
export function encodings(name: string, bytes: Uint8Array): Needle[] {
  const buffer = Buffer.from(bytes);
  const text = (value: string, how: string): Needle => ({
    name: `${name} (${how})`,
    bytes: Buffer.from(value),
  });
  const base64 = [0, 1, 2].map((shift) => {
    const shifted = Buffer.concat([Buffer.alloc(shift), buffer])
      .toString("base64")
      .replace(/=+$/, "");
    // The first and last characters also carry bits of what stands beside.
    return text(shifted.slice(Math.ceil((shift * 4) / 3) + 1, -2), "base64");
  });
  return [{ name, bytes }, text(buffer.toString("hex"), "hex"), ...base64];
}

/** Stretches of `length` values that are not all alike: a run of zeros is found everywhere and proves nothing. */
export function windows(values: Uint8Array, length: number, step = length): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at + length <= values.length; at += step) {
    const window = values.subarray(at, at + length);
    if (changesIn(window) >= 6) found.push(window);
  }
  return found;
}

/**
 * Values as text, with each separator that a writer might use. Without one, a few ones among zeros look like the padded
 * numbers that a chain's state is full of: such a stretch is left out of that one form.
 */
export function texts(name: string, values: Uint8Array): Needle[] {
  const separators = [" ", "\t", ",", "\n", ...(changesIn(values) >= 10 ? [""] : [])];
  return separators.map((separator) => ({ name, bytes: Buffer.from([...values].join(separator)) }));
}

function changesIn(values: Uint8Array): number {
  let changes = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i] !== values[i - 1]) changes += 1;
  return changes;
}

const hashBits = 22;
const hashOf = (word: number): number => Math.imul(word, 0x9e3779b1) >>> (32 - hashBits);

/** Finds any of many needles in one pass over the hay. */
export class NeedleScanner {
  readonly #maybe = new Uint8Array(1 << hashBits);
  readonly #byAnchor = new Map<number, { needle: Needle; at: number }[]>();
  readonly needles: number;

  constructor(needles: readonly Needle[]) {
    this.needles = needles.length;
    for (const needle of needles) {
      if (needle.bytes.length < 8) throw new RangeError(`${needle.name} is too short to mean anything`);
      const at = bestAnchor(needle.bytes);
      const word = wordAt(needle.bytes, at);
      this.#maybe[hashOf(word)] = 1;
      this.#byAnchor.set(word, [...(this.#byAnchor.get(word) ?? []), { needle, at }]);
    }
  }

  /** Names of the needles in these bytes. */
  scan(hay: Uint8Array): Set<string> {
    const found = new Set<string>();
    let word = 0;
    for (let end = 0; end < hay.length; end += 1) {
      word = (word << 8) | (hay[end] as number);
      if (this.#maybe[hashOf(word)] === 0 || end < 3) continue;
      for (const { needle, at } of this.#byAnchor.get(word) ?? []) {
        if (startsWithAt(hay, end - 3 - at, needle.bytes)) found.add(needle.name);
      }
    }
    return found;
  }
}

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] as number) << 24) |
  ((bytes[at + 1] as number) << 16) |
  ((bytes[at + 2] as number) << 8) |
  (bytes[at + 3] as number);

/** The four bytes that differ most: the rarest to meet by chance. */
function bestAnchor(bytes: Uint8Array): number {
  let best = { at: 0, distinct: 0 };
  for (let at = 0; at + 4 <= bytes.length; at += 1) {
    const distinct = new Set(bytes.subarray(at, at + 4)).size;
    if (distinct > best.distinct) best = { at, distinct };
  }
  return best.at;
}

function startsWithAt(hay: Uint8Array, start: number, needle: Uint8Array): boolean {
  if (start < 0 || start + needle.length > hay.length) return false;
  for (let i = 0; i < needle.length; i += 1) if (hay[start + i] !== needle[i]) return false;
  return true;
}
