import { asDigest } from "@cos/protocol";
import { expect, it } from "vitest";
import { needOrder } from "./need-order.ts";

const ref = (n: number) => ({ digest: asDigest(`0x${n.toString(16).padStart(64, "0")}`), sizeBytes: n });
const numbers = (refs: readonly { sizeBytes: number }[]) => refs.map((one) => one.sizeBytes);

it("reads weights before the blocks that they weigh, row block by row block", () => {
  const rows = { segment: "s1", rows: 1, pieces: [] };
  const task = {
    kind: "evaluate" as const,
    rowBlocks: [
      { ...rows, rowBlock: 0, weights: [{ array: "y", object: ref(1) }] },
      { ...rows, rowBlock: 1, weights: [{ array: "y", object: ref(2) }] },
    ],
    variantBlocks: [
      { index: 0, blocks: [ref(10), ref(11)] },
      { index: 1, blocks: [ref(20), ref(21)] },
    ],
  };
  expect(numbers(needOrder({ task } as never, []))).toEqual([1, 10, 20, 2, 11, 21]);
});

it("reads the inputs of a reduce task as they come", () => {
  expect(numbers(needOrder({ task: { kind: "reduce" } } as never, [ref(3), ref(1)]))).toEqual([3, 1]);
});
