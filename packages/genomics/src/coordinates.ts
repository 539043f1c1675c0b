declare const positionBrand: unique symbol;
declare const intervalBrand: unique symbol;

/** A 1-based coordinate on a contig, as VCF and PLINK write it. */
export type Position = number & { readonly [positionBrand]: "1-based position" };

/** A 0-based, half-open stretch of a contig, as BED (the track format) and programs count. */
export type Interval = { readonly start: number; readonly end: number } & {
  readonly [intervalBrand]: "0-based half-open interval";
};

/** PLINK's largest base-pair coordinate: 2^31 - 2. */
export const MAX_POSITION = 2_147_483_646;

/**
 * @param value a whole number
 * @returns the number as a 1-based position, or undefined outside 1..`MAX_POSITION`
 */
export function toPosition(value: number): Position | undefined {
  return Number.isInteger(value) && value >= 1 && value <= MAX_POSITION ? (value as Position) : undefined;
}

/**
 * The one bridge from positions to intervals: `length` bases beginning at `position`.
 *
 * @param length bases, at least 0; throws on anything else (a bug of the caller)
 */
export function toInterval(position: Position, length: number): Interval {
  if (!Number.isInteger(length) || length < 0)
    throw new RangeError("an interval's length is a whole number of bases");
  return { start: position - 1, end: position - 1 + length } as Interval;
}

/** The way back: the 1-based position of an interval's first base. Throws for an interval that starts before 0. */
export function firstPosition(interval: Interval): Position {
  const position = toPosition(interval.start + 1);
  if (position === undefined) throw new RangeError("an interval starts at 0 or later");
  return position;
}

/** A coordinate as text: 0 for unknown, or 1..2^31-2; undefined for anything else. */
export function parsePosition(text: string): Position | 0 | undefined {
  if (!/^\d{1,10}$/.test(text)) return undefined;
  return Number(text) === 0 ? 0 : toPosition(Number(text));
}
