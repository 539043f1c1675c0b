import type { Coefficients } from "@cos/fhe";
import { type CallBlock, type Sample, type Sex, toGenotypeBlock, type Variant } from "@cos/genomics";
import type { Channel } from "@cos/protocol";

/** By how much a quantity of the fixed trait, such as `case`, weights a person; 0 where it does not hold. */
export type WeightOf = (person: number, quantity: string) => number;

/** What each call adds at a coefficient, counted from the row's first; as words where coefficients are. */
type Table = { coefficient: number; byCode: Float64Array; byCodeAsWords: Uint32Array };

const sexes: readonly Sex[] = ["male", "female", "unknown"];
const codes = 4;
/** People whose calls are turned at a time: what is written stays in the first-level cache. */
const peopleAtOnce = 256;

/**
 * Lays out people's calls of one variant block at the places that an array's channels name. A variant block has one ploidy
 * class, so what a channel holds follows from sex and call alone: a dozen numbers, looked up.
 *
 * Memory: a quarter of a byte per person and variant; the calls themselves are let go.
 *
 * @cost 2 ns per genotype, and as much for turning the calls person-major, once per variant block: rows are drawn at random,
 * and looking people up in the file's order would miss the cache at every genotype
 */
export class GenotypePlacer {
  readonly #count: number;
  /** Person after person, four calls in a byte, the first in the lowest bits. */
  readonly #calls: Uint8Array;
  readonly #samples: readonly Sample[];
  readonly #channels: readonly Channel[];
  readonly #values: ReadonlyMap<Channel, Float64Array>;
  readonly #weightOf: WeightOf;
  readonly #tables = new Map<string, readonly Table[]>();

  /** @param variants the whole variant axis of the source */
  constructor(
    channels: readonly Channel[],
    calls: CallBlock,
    { variants, samples }: { readonly variants: readonly Variant[]; readonly samples: readonly Sample[] },
    weightOf: WeightOf,
  ) {
    this.#count = calls.count;
    this.#calls = toPersonMajor(calls);
    this.#samples = samples;
    this.#channels = channels;
    this.#values = valuesByCall(channels, variants[calls.firstVariant]);
    this.#weightOf = weightOf;
  }

  /**
   * @param people one per row; -1 is an empty person, whose row stays zero
   * @param width coefficients per row of `target`
   */
  place(people: readonly number[], width: number, target: Coefficients): void {
    const stride = Math.ceil(this.#count / 4);
    for (const [row, person] of people.entries()) {
      if (person < 0) continue;
      const calls = this.#calls.subarray(person * stride, (person + 1) * stride);
      for (const { coefficient, byCode, byCodeAsWords } of this.#tablesOf(person)) {
        const at = row * width + coefficient;
        const cells = target.subarray(at, at + this.#count);
        if (cells instanceof Uint32Array) addCalls(calls, byCodeAsWords, cells);
        else addCallsAsDoubles(calls, byCode, cells);
      }
    }
  }

  /** What calls add for this person: the same for all of one sex and one set of weights. */
  #tablesOf(person: number): readonly Table[] {
    const sex = sexes.indexOf((this.#samples[person] as Sample).sex);
    const weights = this.#channels.map(({ weight }) =>
      weight === undefined ? 1 : this.#weightOf(person, weight),
    );
    const key = `${sex}|${weights.join("|")}`;
    const tables = this.#tables.get(key) ?? this.#makeTables(sex, weights);
    this.#tables.set(key, tables);
    return tables;
  }

  /** Channels that share a coefficient are its digits. */
  #makeTables(sex: number, weights: readonly number[]): Table[] {
    const tables = new Map<number, Float64Array>();
    for (const [i, channel] of this.#channels.entries()) {
      const { at } = channel;
      const factor = Number(at.multiplier) * (weights[i] as number);
      const table = tables.get(at.coefficient) ?? new Float64Array(codes);
      const values = this.#values.get(channel) as Float64Array;
      for (let code = 0; code < codes; code += 1) {
        table[code] = (table[code] as number) + factor * (values[sex * codes + code] as number);
      }
      tables.set(at.coefficient, table);
    }
    return Array.from(tables, ([coefficient, byCode]) => ({
      coefficient,
      byCode,
      byCodeAsWords: Uint32Array.from(byCode),
    }));
  }
}

/** Adds to each coefficient what its call stands for. The same twice: engines compile a loop for one kind of array. */
function addCalls(calls: Uint8Array, byCode: Uint32Array, target: Uint32Array): void {
  const whole = target.length & ~3;
  for (let i = 0, from = 0; i < whole; i += 4, from += 1) {
    const four = calls[from] as number;
    target[i] = (target[i] as number) + (byCode[four & 3] as number);
    target[i + 1] = (target[i + 1] as number) + (byCode[(four >> 2) & 3] as number);
    target[i + 2] = (target[i + 2] as number) + (byCode[(four >> 4) & 3] as number);
    target[i + 3] = (target[i + 3] as number) + (byCode[four >> 6] as number);
  }
  for (let i = whole; i < target.length; i += 1) {
    const code = ((calls[i >> 2] as number) >> (2 * (i & 3))) & 3;
    target[i] = (target[i] as number) + (byCode[code] as number);
  }
}
function addCallsAsDoubles(calls: Uint8Array, byCode: Float64Array, target: Float64Array): void {
  const whole = target.length & ~3;
  for (let i = 0, from = 0; i < whole; i += 4, from += 1) {
    const four = calls[from] as number;
    target[i] = (target[i] as number) + (byCode[four & 3] as number);
    target[i + 1] = (target[i + 1] as number) + (byCode[(four >> 2) & 3] as number);
    target[i + 2] = (target[i + 2] as number) + (byCode[(four >> 4) & 3] as number);
    target[i + 3] = (target[i + 3] as number) + (byCode[four >> 6] as number);
  }
  for (let i = whole; i < target.length; i += 1) {
    const code = ((calls[i >> 2] as number) >> (2 * (i & 3))) & 3;
    target[i] = (target[i] as number) + (byCode[code] as number);
  }
}

type Four = [number, number, number, number];

/** Calls that a reader gives variant by variant, packed person by person. */
function toPersonMajor({ codes, count, samples }: CallBlock): Uint8Array {
  const stride = Math.ceil(count / 4);
  const packed = new Uint8Array(samples * stride);
  for (let first = 0; first < samples; first += peopleAtOnce) {
    const end = Math.min(first + peopleAtOnce, samples);
    for (let four = 0; four < stride; four += 1) {
      // Past the last variant its calls stand again; nobody looks at them.
      const [a, b, c, d] = [0, 1, 2, 3].map((i) => Math.min(4 * four + i, count - 1) * samples) as Four;
      for (let person = first, to = first * stride + four; person < end; person += 1, to += stride) {
        packed[to] =
          (codes[a + person] as number) |
          ((codes[b + person] as number) << 2) |
          ((codes[c + person] as number) << 4) |
          ((codes[d + person] as number) << 6);
      }
    }
  }
  return packed;
}

/** What each channel holds, by sex and call: the reader's own rules of ploidy, applied to one variant and a dozen people. */
function valuesByCall(
  channels: readonly Channel[],
  variant: Variant | undefined,
): ReadonlyMap<Channel, Float64Array> {
  if (variant === undefined) throw new RangeError("a block outside the variant axis");
  const dozen = sexes.flatMap((sex) =>
    Array.from({ length: codes }, (): Sample => ({ familyId: "", id: "", sex, founder: true })),
  );
  const block = toGenotypeBlock(
    {
      firstVariant: 0,
      count: 1,
      samples: dozen.length,
      codes: Uint8Array.from(dozen, (_, i) => i % codes),
    },
    [variant],
    dozen,
  );
  const valuesOf: Readonly<Record<string, (index: number) => number>> = {
    alleles: (i) => block.alleles[i] as number,
    calledAlleles: (i) => block.called[i] as number,
    called: (i) => Number(block.called[i] !== 0),
    dosage: (i) => block.dosage[i] as number,
    dosageSq: (i) => (block.dosage[i] as number) ** 2,
  };
  return new Map(
    channels.map((channel) => {
      const valueAt = valuesOf[channel.quantity];
      if (valueAt === undefined) throw new Error(`no genotype quantity ${channel.quantity}`);
      return [channel, Float64Array.from(dozen, (_, i) => valueAt(i))];
    }),
  );
}
