/** Numbers in [0, 1) that follow from a seed alone. */
export type Random = () => number;

/** mulberry32: 32 bits of state, passes gjrand; plenty for queues. @source https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A time whose end has nothing to do with how long it has lasted. */
export const exponential = (random: Random, mean: number): number => -mean * Math.log(1 - random());

/** How times spread about their mean: none, memoryless, or log-normal with a coefficient of variation. */
export type Spread = "fixed" | "exponential" | { readonly cv: number };

/** Draws a time of the given mean. */
export function draw(random: Random, mean: number, spread: Spread): number {
  if (spread === "fixed" || mean === 0) return mean;
  if (spread === "exponential") return exponential(random, mean);
  const variance = Math.log(1 + spread.cv ** 2);
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return mean * Math.exp(Math.sqrt(variance) * normal - variance / 2);
}
