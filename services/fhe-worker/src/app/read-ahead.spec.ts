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
const noDiscard = () => {};

function store() {
  const fetched: number[] = [];
  const fetch = async ({ digest }: { digest: string }) => {
    fetched.push(Number(BigInt(digest)));
    const bytes = new Uint8Array(new SharedArrayBuffer(1));
    bytes[0] = Number(BigInt(digest));
    return bytes;
  };
  return { fetched, fetch };
}

describe("reading ahead", () => {
  it("fetches in the order of need as far as the budget goes, and on when blocks are taken", async () => {
    const { fetched, fetch } = store();
    const ahead = readAhead([ref(1), ref(2), ref(3), ref(4)], fetch, createByteBudget(20), never, noDiscard);
    await settle();
    expect(fetched).toEqual([1, 2]);
    expect(await ahead.read(ref(1))).toHaveProperty("0", 1);
    await settle();
    expect(fetched).toEqual([1, 2, 3]);
  });

  it("never fetches twice what is asked for in order, nor waits for room when it is asked", async () => {
    const { fetched, fetch } = store();
    const ahead = readAhead([ref(1), ref(2), ref(3)], fetch, createByteBudget(10), never, noDiscard);
    expect(await ahead.read(ref(3))).toHaveProperty("0", 3); // before its turn
    expect(await ahead.read(ref(1))).toHaveProperty("0", 1);
    expect(await ahead.read(ref(2))).toHaveProperty("0", 2);
    await settle();
    expect([...fetched].sort()).toEqual([1, 2, 3]);
  });

  it("shares the budget between tasks and gives it back at the end", async () => {
    const budget = createByteBudget(10);
    const a = store();
    const b = store();
    const first = readAhead([ref(1)], a.fetch, budget, never, noDiscard);
    readAhead([ref(2)], b.fetch, budget, never, noDiscard);
    await settle();
    expect([a.fetched, b.fetched]).toEqual([[1], []]);
    first.end();
    await settle();
    expect(b.fetched).toEqual([2]);
  });

  it("gives back at the end what it fetched and nobody asked for, and nothing else", async () => {
    const { fetch } = store();
    const discarded: number[] = [];
    const ahead = readAhead([ref(1), ref(2), ref(3)], fetch, createByteBudget(30), never, (buffer) => {
      discarded.push(new Uint8Array(buffer)[0] as number);
    });
    await settle();
    await ahead.read(ref(2));
    ahead.end();
    await settle();
    expect(discarded).toEqual([1, 3]);
  });

  it("takes an object that is larger than the whole budget when nothing else is held", async () => {
    const { fetched, fetch } = store();
    readAhead([ref(1, 1_000), ref(2)], fetch, createByteBudget(10), never, noDiscard);
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
      noDiscard,
    );
    await settle();
    await expect(ahead.read(ref(1))).rejects.toThrow("no answer");
    expect(times).toBe(2);
  });

  it("stops when the task is over", async () => {
    const { fetched, fetch } = store();
    const over = new AbortController();
    readAhead([ref(1), ref(2)], fetch, createByteBudget(10), over.signal, noDiscard);
    await settle();
    over.abort();
    await settle();
    expect(fetched).toEqual([1]);
  });
});
