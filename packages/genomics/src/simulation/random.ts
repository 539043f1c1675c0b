import { uniformFloat64 } from "pure-rand/distribution/uniformFloat64";
import { xoroshiro128plus } from "pure-rand/generator/xoroshiro128plus";

/** Seeded draws for simulations; never for keys, masks or permutations. */
export interface Random {
  /** Uniform in [0, 1). */
  uniform(): number;
  /** Whole, uniform in [0, below). */
  below(limit: number): number;
  /** Standard normal (Box and Muller 1958). */
  normal(): number;
  /** Whole, at least 1: trials up to the first success of probability p. */
  geometric(p: number): number;
}

export function seededRandom(seed: number): Random {
  const generator = xoroshiro128plus(seed);
  const uniform = () => uniformFloat64(generator);
  return {
    uniform,
    below: (limit) => Math.floor(uniform() * limit),
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    geometric: (p) => 1 + Math.floor(Math.log(1 - uniform()) / Math.log1p(-p)),
  };
}
