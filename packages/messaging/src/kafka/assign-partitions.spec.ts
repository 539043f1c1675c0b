import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assignPartitions, type MemberClaim } from "./assign-partitions.ts";

const partitions = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
const claim = (id: string, told: Partial<MemberClaim> = {}): MemberClaim => ({
  id,
  generation: 1,
  owned: [],
  busy: [],
  leaving: false,
  ...told,
});
const dealt = (claims: MemberClaim[], count: number): Record<string, number[]> =>
  Object.fromEntries(assignPartitions(claims, partitions(count)));

describe("dealing partitions", () => {
  it("gives a newcomer half, and leaves with the old member what it runs", () => {
    const old = claim("a", { owned: [0, 1, 2, 3], busy: [3] });
    expect(dealt([old, claim("b")], 4)).toEqual({ a: [0, 3], b: [1, 2] });
  });

  it("lets a leaving member keep what it runs and nothing else", () => {
    const leaving = claim("a", { owned: [0, 1, 2, 3], busy: [1], leaving: true });
    expect(dealt([leaving, claim("b")], 4)).toEqual({ a: [1], b: [0, 2, 3] });
  });

  it("gives a lost member's share to the others, and moves nothing else", () => {
    const left = claim("a", { owned: [0, 1, 2] });
    const right = claim("b", { owned: [3, 4, 5] });
    expect(dealt([left, right], 9)).toEqual({ a: [0, 1, 2, 6, 8], b: [3, 4, 5, 7] });
  });

  it("keeps running handlers where they are even when that is uneven", () => {
    const busy = claim("a", { owned: [0, 1, 2, 3], busy: [0, 1, 2, 3] });
    expect(dealt([busy, claim("b")], 4)).toEqual({ a: [0, 1, 2, 3], b: [] });
  });

  it("believes whoever was given a partition last, not one that comes back and still runs it", () => {
    const back = claim("a", { generation: 3, owned: [0, 1], busy: [0] });
    const since = claim("b", { generation: 4, owned: [0, 1], busy: [0, 1] });
    expect(dealt([back, since], 2)).toEqual({ a: [], b: [0, 1] });
  });

  it("lets one that comes back keep what it runs where nobody was given it", () => {
    const back = claim("a", { generation: 3, owned: [0, 1], busy: [0] });
    expect(dealt([back, claim("b", { generation: 4, owned: [1] })], 2)).toEqual({ a: [0], b: [1] });
  });

  it("leaves some members without, where they are more than the partitions", () => {
    expect(dealt([claim("a"), claim("b"), claim("c")], 2)).toEqual({ a: [0], b: [1], c: [] });
  });

  const claims = fc
    .uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 7 })
    .chain((ids) =>
      fc.tuple(
        ...ids.map((id) =>
          fc.record({
            id: fc.constant(id),
            generation: fc.integer({ min: -1, max: 3 }),
            owned: fc.uniqueArray(fc.integer({ min: 0, max: 11 })),
            busy: fc.uniqueArray(fc.integer({ min: 0, max: 11 })),
            leaving: fc.boolean(),
          }),
        ),
      ),
    );

  it("gives every partition to exactly one member, whatever is claimed", () => {
    fc.assert(
      fc.property(claims, (told) => {
        const shares = [...assignPartitions(told, partitions(8)).values()].flat();
        expect(shares.sort((a, b) => a - b)).toEqual(partitions(8));
      }),
    );
  });

  it("is the same in whatever order the claims come", () => {
    fc.assert(
      fc.property(claims, (told) => {
        const there = Object.fromEntries(assignPartitions(told, partitions(8)));
        const back = Object.fromEntries(assignPartitions([...told].reverse(), partitions(8)));
        expect(back).toEqual(there);
      }),
    );
  });

  it("differs by at most one between members that run nothing", () => {
    fc.assert(
      fc.property(claims, (told) => {
        const idle = told.map((one) => ({ ...one, busy: [], leaving: false }));
        const sizes = [...assignPartitions(idle, partitions(8)).values()].map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("moves nothing when nothing changed", () => {
    fc.assert(
      fc.property(claims, (told) => {
        const first = assignPartitions(
          told.map((one) => ({ ...one, busy: [], leaving: false })),
          partitions(8),
        );
        const again = [...first].map(([id, owned]) => ({
          id,
          generation: 4,
          owned,
          busy: [],
          leaving: false,
        }));
        expect(assignPartitions(again, partitions(8))).toEqual(first);
      }),
    );
  });
});
