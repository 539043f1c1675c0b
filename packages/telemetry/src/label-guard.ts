/** Values of one label that are kept apart; what comes after them is `other`. */
const maxValues = 64;

/** Hex of 16 digits or more, decimal numbers of 7 or more, UUIDs: an identifier, an address, a key. */
const looksLikeAnIdentifier = /[0-9a-f]{16,}|\d{7,}|[0-9a-f]{8}-[0-9a-f]{4}-/i;

const allowed = /^[A-Za-z0-9_.:/*-]{0,96}$/;

/**
 * Keeps label values bounded, whatever a caller passes: one that looks like an identifier, has strange characters, or
 * comes after the first 64 of its label becomes `other`.
 */
export class LabelGuard {
  readonly #seen = new Map<string, Set<string>>();

  value(metric: string, label: string, value: string): string {
    if (!allowed.test(value) || looksLikeAnIdentifier.test(value)) return "other";
    const id = `${metric}/${label}`;
    let seen = this.#seen.get(id);
    if (seen === undefined) {
      seen = new Set();
      this.#seen.set(id, seen);
    }
    if (seen.has(value)) return value;
    if (seen.size >= maxValues) return "other";
    seen.add(value);
    return value;
  }
}
