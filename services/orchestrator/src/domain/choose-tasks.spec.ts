import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseTasks, queueDepth } from "./choose-tasks.ts";

const of = (grantee: string, ...keys: string[]) =>
  keys.map((key) => ({ key, grantee, region: "eu", suspect: false }));
const open = { regionRoom: () => Number.MAX_SAFE_INTEGER, suspectsOut: new Set<string>() };

describe("choosing the tasks to publish", () => {
  it("takes turns: a long queue delays a short one by one task", () => {
    const { chosen, lastServed } = chooseTasks({
      ...open,
      waiting: [...of("a", "a1", "a2", "a3", "a4"), ...of("b", "b1")],
      outstanding: new Map(),
      maxOutstanding: 3,
      lastServed: undefined,
    });
    expect(chosen).toEqual(["a1", "b1", "a2", "a3"]); // a4 waits: three of a's are outstanding
    expect(lastServed).toBe("a");
  });

  it("starts behind the grantee served last, and wraps around", () => {
    const waiting = [...of("a", "a1"), ...of("b", "b1"), ...of("c", "c1")];
    const turn = (lastServed: string) =>
      chooseTasks({ ...open, waiting, outstanding: new Map(), maxOutstanding: 1, lastServed }).chosen;
    expect(turn("a")).toEqual(["b1", "c1", "a1"]);
    expect(turn("c")).toEqual(["a1", "b1", "c1"]);
    expect(turn("bb")).toEqual(["c1", "a1", "b1"]); // served last, gone since
  });

  it("counts what is outstanding already, on both sides of the bound", () => {
    const choose = (out: number) =>
      chooseTasks({
        ...open,
        waiting: of("a", "a1", "a2"),
        outstanding: new Map([["a", out]]),
        maxOutstanding: 5,
        lastServed: undefined,
      }).chosen;
    expect(choose(3)).toEqual(["a1", "a2"]);
    expect(choose(4)).toEqual(["a1"]);
    expect(choose(5)).toEqual([]);
    expect(choose(9)).toEqual([]);
  });

  it("keeps the bound, publishes nothing twice, keeps each grantee's order and leaves no room unused", () => {
    const grantee = fc.constantFrom("a", "b", "c", "d");
    fc.assert(
      fc.property(
        fc.array(grantee, { maxLength: 40 }),
        fc.integer({ min: 1, max: 6 }),
        fc.dictionary(grantee, fc.integer({ min: 0, max: 8 })),
        (names, maxOutstanding, out) => {
          const waiting = names.map((name, i) => ({ key: i, grantee: name, region: "eu", suspect: false }));
          const outstanding = new Map(Object.entries(out));
          const { chosen } = chooseTasks({
            ...open,
            waiting,
            outstanding,
            maxOutstanding,
            lastServed: undefined,
          });
          expect(new Set(chosen).size).toBe(chosen.length);
          for (const name of new Set(names)) {
            const own = waiting.filter((w) => w.grantee === name).map((w) => w.key);
            const free = Math.max(0, maxOutstanding - (outstanding.get(name) ?? 0));
            expect(chosen.filter((key) => own.includes(key))).toEqual(own.slice(0, free));
          }
        },
      ),
    );
  });

  it("fills a region's queue no further than its depth, and other regions' all the same", () => {
    const waiting = [
      ...of("a", "a1", "a2", "a3"),
      ...of("b", "b1").map((replica) => ({ ...replica, region: "us" })),
      ...of("c", "c1"),
    ];
    const { chosen } = chooseTasks({
      waiting,
      outstanding: new Map(),
      maxOutstanding: 9,
      regionRoom: (region) => (region === "eu" ? 3 : 1),
      suspectsOut: new Set(),
      lastServed: undefined,
    });
    expect(chosen).toEqual(["a1", "b1", "c1", "a2"]); // three in eu, one in us; a3 waits
    expect([queueDepth(0, 4, 16), queueDepth(4, 4, 16), queueDepth(5, 4, 16)]).toEqual([16, 16, 20]);
  });

  it("sends one suspect at a time into a region", () => {
    const suspects = ["s1", "s2"].map((key) => ({ key, grantee: "a", region: "eu", suspect: true }));
    const choose = (out: string[]) =>
      chooseTasks({
        ...open,
        waiting: [...suspects, ...of("a", "a1")],
        outstanding: new Map(),
        maxOutstanding: 9,
        suspectsOut: new Set(out),
        lastServed: undefined,
      }).chosen;
    expect(choose([])).toEqual(["s1", "a1"]);
    expect(choose(["eu"])).toEqual(["a1"]);
    expect(choose(["us"])).toEqual(["s1", "a1"]);
  });
});
