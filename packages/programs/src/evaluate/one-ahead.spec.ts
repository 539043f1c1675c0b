import { asDigest, type ObjectRef } from "@cos/protocol";
import { expect, it } from "vitest";
import { oneAhead } from "./one-ahead.ts";

const ref = (n: number): ObjectRef => ({
  digest: asDigest(`0x${n.toString(16).padStart(64, "0")}`),
  sizeBytes: n,
});

function readerOf(order: readonly number[], failing: readonly number[] = []) {
  const asked: number[] = [];
  const released: number[] = [];
  const left = [...failing];
  const ahead = oneAhead(
    order.map(ref),
    async ({ sizeBytes }) => {
      asked.push(sizeBytes);
      const at = left.indexOf(sizeBytes);
      if (at < 0) return Uint8Array.of(sizeBytes);
      left.splice(at, 1);
      throw new Error(`no ${sizeBytes}`);
    },
    (bytes) => void released.push(bytes[0] as number),
  );
  return { asked, released, end: ahead.end, take: async (n: number) => (await ahead.read(ref(n)))[0] };
}

it("asks for the next object when one is handed out, and for none after the last", async () => {
  const { asked, released, end, take } = readerOf([1, 2, 3]);
  expect(await take(1)).toBe(1);
  expect(asked).toEqual([1, 2]);
  expect(await take(2)).toBe(2);
  expect(await take(3)).toBe(3);
  expect(asked).toEqual([1, 2, 3]);
  await end();
  expect(released).toEqual([]);
});

it("gives back what nobody asked for in the end", async () => {
  const { released, end, take } = readerOf([1, 2, 3]);
  await take(1);
  await end();
  await end();
  expect(released).toEqual([2]);
});

it("reads out of order too, and gives back what it read instead", async () => {
  const { asked, released, end, take } = readerOf([1, 2, 3, 4]);
  await take(1);
  expect(await take(3)).toBe(3);
  expect(asked).toEqual([1, 2, 3, 4]);
  expect(released).toEqual([2]);
  expect(await take(9)).toBe(9);
  await end();
  expect(released).toEqual([2, 4]);
});

it("tries once more what failed ahead, and fails as the second try does", async () => {
  const { asked, end, take } = readerOf([1, 2, 3], [2, 3, 3]);
  await take(1);
  expect(await take(2)).toBe(2);
  expect(asked).toEqual([1, 2, 2, 3]);
  await expect(take(3)).rejects.toThrow("no 3");
  await end();
});
