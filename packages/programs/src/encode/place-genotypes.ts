import type { Coefficients } from "@cos/fhe";
import { type CallBlock, type Sample, type Sex, toGenotypeBlock, type Variant } from "@cos/genomics";
import type { Channel } from "@cos/protocol";

/** By how much a quantity of the fixed trait, such as `case`, weights a person; 0 where it does not hold. */
export type WeightOf = (person: number, quantity: string) => number;

const sexes: readonly Sex[] = ["male", "female", "unknown"];
const codes = 4;

/**
 * Lays out people's calls of one variant block at the places that an array's channels name. A variant block has one ploidy
 * class, so what a channel holds follows from sex and call alone: a dozen numbers, looked up.
 *
 * @cost about 6 ns per genotype: calls are gathered variant by variant, then written person by person
 */
export class GenotypePlacer {
  readonly #calls: CallBlock;
  readonly #samples: readonly Sample[];
  readonly #channels: readonly Channel[];
  readonly #values: ReadonlyMap<Channel, Float64Array>;
  readonly #weightOf: WeightOf;

  /** @param variants the whole variant axis of the source */
  constructor(
    channels: readonly Channel[],
    calls: CallBlock,
    { variants, samples }: { readonly variants: readonly Variant[]; readonly samples: readonly Sample[] },
    weightOf: WeightOf,
  ) {
    this.#calls = calls;
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
    const gathered = this.#gather(people);
    for (const [row, person] of people.entries()) {
      if (person < 0) continue;
      for (const [coefficient, byCode] of this.#tablesOf(person)) {
        const at = row * width + coefficient;
        for (let v = 0, from = row; v < this.#calls.count; v += 1, from += people.length) {
          const value = byCode[gathered[from] as number] as number;
          if (value !== 0) target[at + v] = (target[at + v] as number) + value;
        }
      }
    }
  }

  /** Calls of these people only, variant by variant. */
  #gather(people: readonly number[]): Uint8Array {
    const { count, samples, codes: all } = this.#calls;
    const gathered = new Uint8Array(count * people.length);
    for (let v = 0, to = 0; v < count; v += 1) {
      const from = v * samples;
      for (let i = 0; i < people.length; i += 1, to += 1) {
        const person = people[i] as number;
        if (person >= 0) gathered[to] = all[from + person] as number;
      }
    }
    return gathered;
  }

  /** First coefficient -> what each call adds there for this person: channels that share a coefficient are its digits. */
  #tablesOf(person: number): Map<number, Float64Array> {
    const sex = sexes.indexOf((this.#samples[person] as Sample).sex);
    const tables = new Map<number, Float64Array>();
    for (const channel of this.#channels) {
      const { at, weight } = channel;
      const factor = Number(at.multiplier) * (weight === undefined ? 1 : this.#weightOf(person, weight));
      const table = tables.get(at.coefficient) ?? new Float64Array(codes);
      const values = this.#values.get(channel) as Float64Array;
      for (let code = 0; code < codes; code += 1) {
        table[code] = (table[code] as number) + factor * (values[sex * codes + code] as number);
      }
      tables.set(at.coefficient, table);
    }
    return tables;
  }
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
