import { asDigest } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { createByteBudget } from "./byte-budget.ts";
import { readAhead } from "./read-ahead.ts";

const ref = (n: number, sizeBytes = 10) => ({
  digest: asDigest(`0x${n.toString(16).padStart(64, "0")}`),
  sizeBytes,
});
const settle = () => new Promise((resolve) => setImmediate(resolve));
const never = new AbortController().signal;

function store() {
  const fetched: number[] = [];
  const fetch = async ({ digest }: { digest: string }) => {
    fetched.push(Number(BigInt(digest)));
    return Uint8Array.of(Number(BigInt(digest)));
  };
  return { fetched, fetch };
}

describe("reading ahead", () => {
  it("fetches in the order of need as far as the budget goes, and on when blocks are taken", async () => {
    const { fetched, fetch } = store();
    const ahead = readAhead([ref(1), ref(2), ref(3), ref(4)], fetch, createByteBudget(20), never);
    await settle();
    expect(fetched).toEqual([1, 2]);
    expect(await ahead.read(ref(1))).toEqual(Uint8Array.of(1));
    await settle();
    expect(fetched).toEqual([1, 2, 3]);
  });

  it("never fetches twice what is asked for in order, nor waits for room when it is asked", async () => {
    const { fetched, fetch } = store();
    const ahead = readAhead([ref(1), ref(2), ref(3)], fetch, createByteBudget(10), never);
    expect(await ahead.read(ref(3))).toEqual(Uint8Array.of(3)); // before its turn
    expect(await ahead.read(ref(1))).toEqual(Uint8Array.of(1));
    expect(await ahead.read(ref(2))).toEqual(Uint8Array.of(2));
    await settle();
    expect([...fetched].sort()).toEqual([1, 2, 3]);
  });

  it("shares the budget between tasks and gives it back at the end", async () => {
    const budget = createByteBudget(10);
    const a = store();
    const b = store();
    const first = readAhead([ref(1)], a.fetch, budget, never);
    readAhead([ref(2)], b.fetch, budget, never);
    await settle();
    expect([a.fetched, b.fetched]).toEqual([[1], []]);
    first.end();
    await settle();
    expect(b.fetched).toEqual([2]);
  });

  it("takes an object that is larger than the whole budget when nothing else is held", async () => {
    const { fetched, fetch } = store();
    readAhead([ref(1, 1_000), ref(2)], fetch, createByteBudget(10), never);
    await settle();
    expect(fetched).toEqual([1]);
  });

  it("tries a failed fetch anew, and gives up with the caller's error", async () => {
    let times = 0;
    const ahead = readAhead(
      [ref(1)],
      async () => {
        times += 1;
        throw new Error("no answer");
      },
      createByteBudget(10),
      never,
    );
    await settle();
    await expect(ahead.read(ref(1))).rejects.toThrow("no answer");
    expect(times).toBe(2);
  });

  it("stops when the task is over", async () => {
    const { fetched, fetch } = store();
    const over = new AbortController();
    readAhead([ref(1), ref(2)], fetch, createByteBudget(10), over.signal);
    await settle();
    over.abort();
    await settle();
    expect(fetched).toEqual([1]);
  });
});
