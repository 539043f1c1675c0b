import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chooseMoves, type Fleet, placeReplicas } from "./place-replicas.ts";

const fleet = (over: Partial<Fleet> = {}): Fleet => ({
  partitions: 4,
  workers: new Map([
    ["a", { capacity: 1, load: 0 }],
    ["b", { capacity: 1, load: 0 }],
  ]),
  owners: new Map([
    [0, "a"],
    [1, "a"],
    [2, "b"],
    [3, "b"],
  ]),
  depth: new Map(),
  ...over,
});
const replica = (task: string, start = 0, ...barred: string[]) => ({ task, start, barred: new Set(barred) });

describe("placing replicas", () => {
  it("gives two replicas of a task to two workers, and the next ones to whom they load least", () => {
    const placed = placeReplicas(fleet(), [
      replica("t", 0),
      replica("t", 1),
      replica("u", 0),
      replica("u", 1),
    ]);
    const owners = placed.map((partition) => (partition < 2 ? "a" : "b"));
    expect(new Set(owners.slice(0, 2))).toEqual(new Set(["a", "b"]));
    expect(new Set(owners.slice(2))).toEqual(new Set(["a", "b"]));
    expect(new Set(placed).size).toBe(4); // none behind another
  });

  it("avoids workers that may not run it, and busy ones", () => {
    expect(placeReplicas(fleet(), [replica("t", 0, "a")])[0]).toBe(2);
    const busy = fleet({
      workers: new Map([
        ["a", { capacity: 4, load: 3 }],
        ["b", { capacity: 1, load: 1 }],
      ]),
    });
    expect(placeReplicas(busy, [replica("t", 2)])[0]).toBe(0); // three quarters busy beats all busy
  });

  it("puts a replica behind no other where it can, and goes on from where it starts", () => {
    const depth = new Map([[0, 1]]);
    expect(placeReplicas(fleet({ depth }), [replica("t", 0, "b")])).toEqual([1]);
    expect(placeReplicas(fleet({ owners: new Map(), workers: new Map() }), [replica("t", 3)])).toEqual([3]);
  });

  it("chooses as the rule says it, whatever the fleet: not barred, least wait, emptiest, nearest", () => {
    const partitions = 6;
    const names = fc.constantFrom("a", "b", "c");
    const fleets = fc.record({
      workers: fc.dictionary(names, fc.record({ capacity: fc.integer({ min: 1, max: 3 }), load: fc.nat(4) })),
      owners: fc.array(fc.option(names), { minLength: partitions, maxLength: partitions }),
      depth: fc.array(fc.nat(3), { minLength: partitions, maxLength: partitions }),
      start: fc.nat(20),
      barred: fc.uniqueArray(names),
    });
    fc.assert(
      fc.property(fleets, ({ workers, owners, depth, start, barred }) => {
        const known = new Map(Object.entries(workers));
        const ranked = Array.from({ length: partitions }, (_, distance) => {
          const partition = (start + distance) % partitions;
          const owner = owners[partition] ?? "";
          const worker = known.get(owner);
          const wait = worker === undefined ? 0.5 : worker.load / worker.capacity;
          return {
            partition,
            key: [barred.some((each) => each === owner) ? 1 : 0, wait, depth[partition]!, distance],
          };
        }).sort(
          ({ key: a }, { key: b }) => a.map((each, at) => each - b[at]!).find((each) => each !== 0) ?? 0,
        );
        const placed = placeReplicas(
          {
            partitions,
            workers: known,
            owners: new Map(
              owners.flatMap((owner, partition) => (owner === null ? [] : [[partition, owner]])),
            ),
            depth: new Map(depth.entries()),
          },
          [{ task: "t", start, barred: new Set<string>(barred) }],
        );
        expect(placed).toEqual([ranked[0]!.partition]);
      }),
    );
  });

  it("tries partitions of unknown workers when the known ones are busy, and the barred last of all", () => {
    const partly = (load: number) =>
      fleet({ owners: new Map([[0, "a"]]), workers: new Map([["a", { capacity: 1, load }]]) });
    expect(placeReplicas(partly(0), [replica("t", 0)])).toEqual([0]);
    expect(placeReplicas(partly(1), [replica("t", 0)])).toEqual([1]);
    const all = fleet({ owners: new Map([0, 1, 2, 3].map((p) => [p, "a"])) });
    expect(placeReplicas(all, [replica("t", 2, "a")])).toEqual([2]); // nobody else is known: better than nowhere
  });

  it("answers one partition of the topic for each replica, whatever it knows", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(3), fc.nat(31), fc.subarray(["a", "b", "c"])), { maxLength: 40 }),
        fc.dictionary(fc.nat(31).map(String), fc.constantFrom("a", "b", "c", "gone")),
        (wanted, owned) => {
          const known = fleet({
            partitions: 32,
            owners: new Map(Object.entries(owned).map(([partition, worker]) => [Number(partition), worker])),
          });
          const placed = placeReplicas(
            known,
            wanted.map(([task, start, barred]) => replica(`${task}`, start, ...barred)),
          );
          expect(placed).toHaveLength(wanted.length);
          expect(placed.every((partition) => partition >= 0 && partition < 32)).toBe(true);
        },
      ),
    );
  });
});

describe("moving what waits behind others", () => {
  const stuck = (key: string, partition: number, ...barred: string[]) => ({
    key,
    partition,
    barred: new Set(barred),
  });
  const busyA = fleet({
    workers: new Map([
      ["a", { capacity: 1, load: 3 }],
      ["b", { capacity: 2, load: 1 }],
    ]),
  });

  it("moves one replica for each idle place, the one that waits longest first", () => {
    expect(chooseMoves(busyA, [stuck("t", 0), stuck("u", 1)])).toEqual(["t"]);
  });

  it("moves nothing to a worker that may not run it, nor to the one it waits for, nor when all are busy", () => {
    expect(chooseMoves(busyA, [stuck("t", 0, "b"), stuck("u", 1)])).toEqual(["u"]);
    expect(chooseMoves(busyA, [stuck("t", 2)])).toEqual([]);
    const full = fleet({ workers: new Map([["b", { capacity: 1, load: 1 }]]) });
    expect(chooseMoves(full, [stuck("t", 0)])).toEqual([]);
  });
});
