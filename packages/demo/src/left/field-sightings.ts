/** Where something that left the hospital can be seen. */
export type LeftWhere = "chain" | "object store" | "calls and events" | "service database" | "logs";

/** One field, and every place that it was seen in. */
export interface Sighting {
  readonly where: LeftWhere;
  readonly field: string;
  readonly places: readonly string[];
}

/** Collects the fields that really left, wherever they were seen. */
export class FieldSightings {
  readonly #seen = new Map<string, { where: LeftWhere; field: string; places: Set<string> }>();

  add(where: LeftWhere, field: string, place: string): void {
    const key = `${where}\n${field}`;
    const known = this.#seen.get(key) ?? { where, field, places: new Set<string>() };
    known.places.add(place);
    this.#seen.set(key, known);
  }

  /** Every leaf of a value, by its own name; the place says which message or file it belongs to. */
  addLeaves(where: LeftWhere, value: unknown, place: string): void {
    for (const field of new Set(leafNames(value))) this.add(where, field, place);
  }

  list(): Sighting[] {
    return [...this.#seen.values()]
      .map(({ where, field, places }) => ({ where, field, places: [...places].sort() }))
      .sort((a, b) => a.where.localeCompare(b.where) || a.field.localeCompare(b.field));
  }
}

/** Names of the leaves of a JSON-like value: `{ a: { b: 1 }, c: [2] }` has `a.b` and `c`. */
export function leafNames(value: unknown, prefix = ""): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => leafNames(each, prefix));
  if (!isRecord(value)) return prefix === "" || value === undefined ? [] : [prefix];
  return Object.entries(value).flatMap(([name, each]) =>
    leafNames(each, prefix === "" ? name : `${prefix}.${name}`),
  );
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" &&
  value !== null &&
  [Object.prototype, null].includes(Object.getPrototypeOf(value));
