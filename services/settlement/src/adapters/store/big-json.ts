const marker = "$int";

/** A value as JSON holds it: bigints become `{"$int":"…"}`, since JSON numbers lose digits. Never a field named `$int`. */
export const toBigJson = (value: object): Record<string, unknown> =>
  JSON.parse(
    JSON.stringify(value, (_key, inner: unknown) =>
      typeof inner === "bigint" ? { [marker]: inner.toString() } : inner,
    ),
  ) as Record<string, unknown>;

/** The inverse of `toBigJson` over parsed JSON. Fields that were undefined are absent. */
export const fromBigJson = <T>(json: unknown): T => revive(json) as T;

function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === marker) return BigInt(String(first[1]));
  return Object.fromEntries(entries.map(([key, inner]) => [key, revive(inner)]));
}
