import type { State } from "../../domain/read-models.ts";

const marker = "$int";

/** A state as JSON holds it: bigints become `{"$int":"…"}`, since JSON numbers lose digits. Never a field named `$int`. */
export const toStateText = (state: State): string =>
  JSON.stringify(state, (_key, value: unknown) =>
    typeof value === "bigint" ? { [marker]: value.toString() } : value,
  );

/** The inverse of `toStateText` over parsed JSON. Fields that were undefined are absent. */
export function fromStateJson<S>(json: unknown): S {
  return revive(json) as S;
}

function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === marker) return BigInt(String(first[1]));
  return Object.fromEntries(entries.map(([key, inner]) => [key, revive(inner)]));
}
