/**
 * What `read` gives for each item, in the items' order; up to `ahead` further items are read meanwhile. Rejects when a read
 * does.
 * @param letGo takes what was read and never taken
 */
export async function* inOrder<Item, Value>(
  items: Iterable<Item>,
  read: (item: Item) => Promise<Value>,
  ahead: number,
  letGo: (value: Value) => void,
): AsyncGenerator<Value> {
  const left = items[Symbol.iterator]();
  const underWay: Promise<Value>[] = [];
  const start = (): void => {
    const next = left.next();
    if (next.done === true) return;
    const value = read(next.value);
    value.catch(() => {}); // told when its turn comes
    underWay.push(value);
  };
  try {
    for (let i = 0; i < ahead; i += 1) start();
    for (;;) {
      start();
      const value = underWay.shift();
      if (value === undefined) return;
      yield await value;
    }
  } finally {
    for (const value of underWay) await value.then(letGo, () => {});
  }
}
