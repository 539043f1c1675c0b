import { expect, it } from "vitest";
import { inOrder } from "./in-order.ts";

/** Numbers as they are read; a read ends when the test says so. */
function reading() {
  const begun: number[] = [];
  const ends = new Map<number, PromiseWithResolvers<number>>();
  return {
    begun,
    end: (n: number) => ends.get(n)?.resolve(10 * n),
    fail: (n: number) => ends.get(n)?.reject(new Error(`no ${n}`)),
    read: (n: number) => {
      begun.push(n);
      const end = Promise.withResolvers<number>();
      ends.set(n, end);
      return end.promise;
    },
  };
}

it("gives values in the items' order, whatever the order in which they come, and reads so many ahead", async () => {
  const { begun, end, read } = reading();
  const values = inOrder([1, 2, 3, 4], read, 2, () => {});
  const first = values.next();
  expect(begun).toEqual([1, 2, 3]);
  end(2);
  end(1);
  expect((await first).value).toBe(10);
  expect(begun).toEqual([1, 2, 3]);
  expect((await values.next()).value).toBe(20);
  expect(begun).toEqual([1, 2, 3, 4]);
  end(4);
  end(3);
  expect(await Array.fromAsync(values)).toEqual([30, 40]);
});

it("lets go of what was read ahead and is not taken", async () => {
  const { end, fail, read } = reading();
  const gone: number[] = [];
  const values = inOrder([1, 2, 3], read, 2, (value) => gone.push(value));
  const first = values.next();
  [1, 2].forEach(end);
  fail(3);
  await first;
  await values.return(undefined);
  expect(gone).toEqual([20]);
});

it("fails as a read does when its turn comes, and not before", async () => {
  const { end, fail, read } = reading();
  const values = inOrder([1, 2, 3], read, 2, () => {});
  const first = values.next();
  fail(2);
  end(1);
  end(3);
  expect((await first).value).toBe(10);
  await expect(values.next()).rejects.toThrow("no 2");
});

it("gives nothing for no items", async () => {
  expect(
    await Array.fromAsync(
      inOrder(
        [],
        async () => 1,
        3,
        () => {},
      ),
    ),
  ).toEqual([]);
});
