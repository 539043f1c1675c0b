/**
 * Does `work` for every item, whatever becomes of the others: one that always fails must not hold up the rest.
 * Throws the first error after all had their turn, so that the caller sees trouble and slows down.
 */
export async function eachApart<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const errors: unknown[] = [];
  for (const item of items) await work(item).catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}
