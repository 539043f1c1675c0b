/** What a `Range` header asks of an object: all of it, one run of bytes (both ends included), or nothing that exists. */
export type ByteRange =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly first: number; readonly last: number }
  | { readonly kind: "unsatisfiable" };

/**
 * Reads a `Range` header for an object of `sizeBytes` >= 1.
 *
 * A header that is malformed, of another unit or of several ranges is ignored, as RFC 9110 section 14.2 lets a server
 * do: the answer is then the whole object.
 */
export function parseByteRange(header: string | undefined, sizeBytes: number): ByteRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/i.exec(header?.trim() ?? "");
  if (match === null || (match[1] === "" && match[2] === "")) return { kind: "whole" };
  const [from, to] = [match[1] as string, match[2] as string];
  if (from === "") return suffix(Number(to), sizeBytes);
  const first = Number(from);
  const last = to === "" ? sizeBytes - 1 : Number(to);
  if (to !== "" && last < first) return { kind: "whole" };
  if (first >= sizeBytes) return { kind: "unsatisfiable" };
  return { kind: "part", first, last: Math.min(last, sizeBytes - 1) };
}

function suffix(count: number, sizeBytes: number): ByteRange {
  if (count === 0) return { kind: "unsatisfiable" };
  return { kind: "part", first: Math.max(0, sizeBytes - count), last: sizeBytes - 1 };
}

/** Bytes that the answer carries. */
export const rangeLength = (range: ByteRange, sizeBytes: number): number =>
  range.kind === "whole" ? sizeBytes : range.kind === "part" ? range.last - range.first + 1 : 0;
