/**
 * An expected outcome: a value, or an error that the caller must handle. Bugs and lost infrastructure throw instead. An error
 * is a stable code plus the facts that prove it: never a secret, a genotype or a sample id.
 */
export type Result<T, E> = Ok<T> | Err<E>;
export type Ok<T> = { readonly ok: true; readonly value: T };
export type Err<E> = { readonly ok: false; readonly error: E };

export const ok = <T>(value: T): Ok<T> => ({ ok: true, value });
export const err = <const E>(error: E): Err<E> => ({ ok: false, error });

/** The value of a result that cannot be an error here; throws with the error's code when it is one after all. */
export function unwrap<T>(result: Result<T, { readonly code: string }>): T {
  if (result.ok) return result.value;
  throw new Error(`unexpected ${result.error.code}: ${JSON.stringify(result.error, jsonSafe)}`);
}

/** Makes a union's missing case a compile error. */
export function assertNever(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value, jsonSafe)}`);
}

function jsonSafe(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
