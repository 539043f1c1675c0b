import { expect, it } from "vitest";
import { inWaves } from "./in-waves.ts";

/** Writes that are held until they are let through, one by one. */
function heldWrites() {
  const waves: number[][] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const write = (wave: readonly number[]) => {
    waves.push([...wave]);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    return gate.promise;
  };
  return { waves, gates, store: inWaves(write) };
}

it("writes the first at once, and what comes meanwhile together", async () => {
  const { waves, gates, store } = heldWrites();
  const first = store(1);
  await expect.poll(() => waves).toEqual([[1]]);
  const later = [store(2), store(3), store(4)];
  gates[0]?.resolve();
  await first;
  await expect.poll(() => waves).toEqual([[1], [2, 3, 4]]);
  gates[1]?.resolve();
  await Promise.all(later);
});

it("tells each of a wave that it failed, and none of the next", async () => {
  const { waves, gates, store } = heldWrites();
  const first = store(1);
  await expect.poll(() => waves.length).toBe(1);
  const second = store(2);
  gates[0]?.reject(new Error("no connection"));
  await expect(first).rejects.toThrow("no connection");
  await expect.poll(() => waves).toEqual([[1], [2]]);
  gates[1]?.resolve();
  await second;
});
