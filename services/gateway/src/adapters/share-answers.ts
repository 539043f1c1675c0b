/** One question on its way, and the one that those who came since then wait for. */
type Asked<T> = { readonly running: Promise<T>; next?: Promise<T> };

/**
 * Lets those who ask the same while an answer is on its way share the next one: nobody gets an answer to a question that
 * was put before their own, so that none is older than it would be alone.
 * @param keyOf equal for the same questions
 */
export function shareAnswers<Q, A>(
  ask: (question: Q) => Promise<A>,
  keyOf: (question: Q) => string = String,
): (question: Q) => Promise<A> {
  const asked = new Map<string, Asked<A>>();
  const begin = (key: string, question: Q): Promise<A> => {
    const running = ask(question);
    const now: Asked<A> = { running };
    asked.set(key, now);
    const free = (): void => {
      if (now.next === undefined) asked.delete(key);
    };
    running.then(free, free);
    return running;
  };
  return (question) => {
    const key = keyOf(question);
    const now = asked.get(key);
    if (now === undefined) return begin(key, question);
    const next = () => begin(key, question);
    now.next ??= now.running.then(next, next);
    return now.next;
  };
}
