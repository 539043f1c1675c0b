import { err, ok, type Result } from "./result.ts";

/** Operations of a grant (clause 2), as bits that one mask can combine. */
export const Op = { READ: 1, LIST: 2, EXPORT: 4, COMPUTE: 8 } as const;
export type OpName = keyof typeof Op;

/** Whether every bit of `wanted` is set in `mask`; an empty want is never allowed. */
export const maskAllows = (mask: number, wanted: number): boolean =>
  wanted !== 0 && (mask & wanted) === wanted;

/**
 * Reads a comma-separated list such as `COMPUTE,LIST`.
 * @errors `UNKNOWN_OPERATION` for a name that is not READ, LIST, EXPORT or COMPUTE
 */
export function parseOpMask(text: string): Result<number, { code: "UNKNOWN_OPERATION"; name: string }> {
  let mask = 0;
  for (const part of text.split(",")) {
    const name = part.trim().toUpperCase();
    if (!Object.hasOwn(Op, name)) return err({ code: "UNKNOWN_OPERATION", name });
    mask |= Op[name as OpName];
  }
  return ok(mask);
}

/** `8` -> `COMPUTE`, `9` -> `READ,COMPUTE`. */
export const formatOpMask = (mask: number): string =>
  (Object.keys(Op) as OpName[]).filter((name) => maskAllows(mask, Op[name])).join(",");
