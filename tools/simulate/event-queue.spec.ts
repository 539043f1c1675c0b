import fc from "fast-check";
import { expect, it } from "vitest";
import { EventQueue } from "./event-queue.ts";

it("gives events by time, equal ones in the order of their adding, whatever comes between", () => {
  const step = fc.oneof(fc.record({ add: fc.integer({ min: 0, max: 9 }) }), fc.constant("take" as const));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new EventQueue();
      const plain: { time: number; order: number }[] = [];
      const taken: unknown[] = [];
      const expected: unknown[] = [];
      for (const [order, each] of steps.entries()) {
        if (each !== "take") {
          queue.add(each.add, each.add % 3, order);
          plain.push({ time: each.add, order });
        } else {
          plain.sort((a, b) => a.time - b.time || a.order - b.order);
          const first = plain.shift();
          expected.push(first && [first.time, first.time % 3, first.order]);
          taken.push(queue.next() ? [queue.time, queue.kind, queue.subject] : undefined);
        }
      }
      expect(taken).toEqual(expected);
    }),
  );
});
