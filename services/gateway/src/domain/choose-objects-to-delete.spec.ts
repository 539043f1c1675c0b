import { asDigest, type Digest } from "@cos/protocol";
import { describe, expect, it } from "vitest";
import { chooseObjectsToDelete, type DeletionQuestion } from "./choose-objects-to-delete.ts";
import type { VersionObjects } from "./manifest-objects.ts";

const digest = (name: string): Digest => asDigest(`0x${Buffer.from(name.padEnd(32, ".")).toString("hex")}`);
const ref = (name: string) => ({ digest: digest(name), sizeBytes: 1 });
const version = (manifest: string, axis: string, ...blocks: string[]): VersionObjects => ({
  manifest: ref(manifest),
  axis: ref(axis),
  blocks: blocks.map(ref),
});
const names = (digests: readonly Digest[]): string[] =>
  digests.map((d) => Buffer.from(d.slice(2), "hex").toString().replaceAll(".", ""));

const v1 = version("m1", "axis", "kept", "rows-of-two", "rows-of-three");
const v2 = version("m2", "axis", "kept", "rows-of-one");
const hospital = new Set(["1"]);
const stranger = new Set(["9"]);
const uploadedBy = (sbt: string, ...objects: string[]) => objects.map((o) => [digest(o), [sbt]] as const);
const choose = (changes: Partial<DeletionQuestion>) => {
  const chosen = chooseObjectsToDelete({
    keepers: hospital,
    superseded: [v1],
    standing: [{ keepers: hospital, objects: v2 }],
    uploaders: new Map(
      uploadedBy("1", "m1", "m2", "axis", "kept", "rows-of-two", "rows-of-three", "rows-of-one"),
    ),
    withdrawn: new Set(),
    wholeDataset: false,
    ...changes,
  });
  return { blocks: names(chosen.blocks), descriptions: names(chosen.descriptions) };
};

describe("chooseObjectsToDelete", () => {
  it("takes what only superseded versions name, and leaves their manifests as a record", () => {
    expect(choose({})).toEqual({ blocks: ["rows-of-two", "rows-of-three"], descriptions: [] });
  });

  it("a stranger's manifest that names the rows does not keep them", () => {
    const copy = { keepers: stranger, objects: version("m9", "axis", "rows-of-two") };
    expect(choose({ standing: [{ keepers: hospital, objects: v2 }, copy] }).blocks).toContain("rows-of-two");
  });

  it("nor does a stranger's manifest that calls them its axis", () => {
    const copy = { keepers: stranger, objects: version("m9", "rows-of-two", "own") };
    expect(choose({ standing: [{ keepers: hospital, objects: v2 }, copy] }).blocks).toContain("rows-of-two");
  });

  it("counts rows that another identity uploaded, instead of taking them", () => {
    const uploaders = new Map([...uploadedBy("1", "rows-of-two"), ...uploadedBy("9", "rows-of-three")]);
    const chosen = chooseObjectsToDelete({
      keepers: hospital,
      superseded: [v1],
      standing: [{ keepers: hospital, objects: v2 }],
      uploaders,
      withdrawn: new Set(),
      wholeDataset: false,
    });
    expect([names(chosen.blocks), chosen.foreign]).toEqual([["rows-of-two"], 1]);
  });

  it("takes rows again that were deleted before, whoever names them by now", () => {
    const copy = { keepers: stranger, objects: version("m9", "a9", "rows-of-two") };
    const standing = [{ keepers: hospital, objects: v2 }, copy];
    const withdrawn = new Set([digest("rows-of-two")]);
    expect(choose({ standing, uploaders: new Map(), withdrawn }).blocks).toEqual([
      "rows-of-two",
      "rows-of-three",
    ]);
  });

  it("a stranger who withdraws deletes nobody else's rows", () => {
    const copied = version("m9", "axis", "kept", "own");
    const uploaders = new Map([...uploadedBy("1", "kept", "axis"), ...uploadedBy("9", "own", "m9")]);
    expect(
      choose({ keepers: stranger, superseded: [copied], standing: [], uploaders, wholeDataset: true }),
    ).toEqual({ blocks: ["own"], descriptions: ["m9"] });
  });

  it("the same identity's other dataset keeps shared rows", () => {
    const sibling = { keepers: hospital, objects: version("m7", "axis7", "rows-of-two") };
    expect(choose({ standing: [{ keepers: hospital, objects: v2 }, sibling] }).blocks).toEqual([
      "rows-of-three",
    ]);
  });

  it("takes the axis when nothing standing names it, unless somebody else uploaded it too", () => {
    const uploaders = new Map<Digest, string[]>([[digest("axis"), ["1"]]]);
    const gone = { superseded: [v1, v2], standing: [], wholeDataset: true };
    expect(choose({ ...gone, uploaders }).descriptions.sort()).toEqual(["axis", "m1", "m2"]);
    uploaders.set(digest("axis"), ["1", "9"]);
    expect(choose({ ...gone, uploaders }).descriptions.sort()).toEqual(["m1", "m2"]);
  });

  it("objects that came without an uploader go when no standing version names them", () => {
    expect(choose({ uploaders: new Map() }).blocks).toEqual(["rows-of-two", "rows-of-three"]);
    const anyone = { keepers: stranger, objects: version("m9", "a9", "rows-of-two") };
    const standing = [{ keepers: hospital, objects: v2 }, anyone];
    expect(choose({ uploaders: new Map(), standing }).blocks).toEqual(["rows-of-three"]);
  });
});
