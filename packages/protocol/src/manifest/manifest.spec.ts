import { describe, expect, it } from "vitest";
import { digestOfJson } from "../canonical-json.ts";
import { unwrap } from "../result.ts";
import { checkManifest, type Manifest, manifestBytes, maxManifestBytes, parseManifest } from "./manifest.ts";
import {
  checkManifestCommitment,
  manifestCommitment,
  manifestLeaves,
  proveLeaf,
  verifyLeaf,
} from "./manifest-commitment.ts";

const digest = (name: string) => digestOfJson(name);
const object = (name: string) => ({ digest: digest(name), sizeBytes: 1_000 });

const manifest = (): Manifest => ({
  format: "cos-manifest/1",
  species: "human",
  assembly: "GRCh38",
  version: { n: 1, parent: null, reason: "append", effectiveAt: 1_700_000_000 },
  keyId: digest("key"),
  contextDigest: digest("contexts"),
  contexts: [{ profile: "p", contextDigest: digest("context") }],
  variantAxis: { object: object("axis"), count: 30 },
  segments: [
    {
      id: "s1",
      site: "clinic",
      consentClass: ["DUO:0000042"],
      firstRow: 0,
      rowsPadded: 100,
      addedIn: 1,
      deletedRows: [],
      commitment: digest("rows"),
    },
  ],
  arrays: [
    {
      name: "genotypes/x",
      layout: "x",
      axes: ["sample", "variant"],
      profile: "p",
      contextDigest: digest("context"),
      packing: "coefficient",
      rowDeletable: true,
      ciphertextsPerRow: 1,
      rowsPerBlock: 60,
      channels: [
        {
          name: "alleles",
          quantity: "alleles",
          radixPower: 0,
          scale: 1,
          offset: 0,
          bound: "2",
          missing: "zero",
          at: { ciphertext: 0, coefficient: 0, multiplier: "1" },
        },
      ],
      variantBlocks: [{ index: 0, contig: "1", ploidy: "autosome", first: 0, count: 30 }],
      blocks: [
        { index: 0, segment: "s1", variantBlock: 0, rowBlock: 0, rows: [[0, 60]], object: object("b0") },
        { index: 1, segment: "s1", variantBlock: 0, rowBlock: 1, rows: [[60, 40]], object: object("b1") },
      ],
    },
  ],
  traits: [],
});

const faultOf = (change: (m: Manifest) => void) => {
  const changed = manifest();
  change(changed);
  return checkManifest(changed);
};

describe("parseManifest", () => {
  it("reads back what it wrote", () => {
    expect(parseManifest(manifestBytes(manifest()))).toEqual({ ok: true, value: manifest() });
  });

  it("refuses bytes that are not UTF-8 JSON, and too many of them before reading any", () => {
    expect(parseManifest(Uint8Array.of(0xff, 0xfe))).toMatchObject({ error: { code: "MANIFEST_MALFORMED" } });
    expect(parseManifest({ length: maxManifestBytes + 1 } as Uint8Array)).toMatchObject({
      error: { code: "MANIFEST_TOO_LARGE", sizeBytes: maxManifestBytes + 1 },
    });
  });

  it("names the field that is wrong", () => {
    expect(faultOf((m) => Object.assign(m, { samples: ["Mouse1"] }))).toMatchObject({
      error: { code: "MANIFEST_MALFORMED" },
    });
    expect(
      faultOf((m) => {
        m.segments[0]!.rowsPadded = -1;
      }),
    ).toMatchObject({ error: { code: "MANIFEST_MALFORMED", field: "segments.0.rowsPadded" } });
  });

  it.each([
    [
      "a block of an unknown segment",
      (m: Manifest) => {
        m.arrays[0]!.blocks[1]!.segment = "s9";
      },
    ],
    [
      "the same block twice",
      (m: Manifest) => {
        m.arrays[0]!.blocks[1]!.rowBlock = 0;
      },
    ],
    [
      "rows outside the block's run",
      (m: Manifest) => {
        m.arrays[0]!.blocks[1]!.rows = [[59, 40]];
      },
    ],
    [
      "variants outside the axis",
      (m: Manifest) => {
        m.variantAxis.count = 29;
      },
    ],
    [
      "another context than the dataset's",
      (m: Manifest) => {
        m.arrays[0]!.contextDigest = digest("z");
      },
    ],
    ["a segment over another", (m: Manifest) => void m.segments.push({ ...m.segments[0]!, id: "s2" })],
    [
      "a channel in a ciphertext that rows lack",
      (m: Manifest) => {
        m.arrays[0]!.channels[0]!.at.ciphertext = 1;
      },
    ],
    [
      "an array of a trait that nobody defined",
      (m: Manifest) => {
        m.arrays[0]!.trait = "height";
      },
    ],
    [
      "a weighted channel where no trait is fixed",
      (m: Manifest) => {
        m.arrays[0]!.channels[0]!.weight = "case";
      },
    ],
    [
      "the word that everybody has a trait, where none is fixed",
      (m: Manifest) => {
        m.arrays[0]!.traitComplete = true;
      },
    ],
  ])("refuses %s", (_, change) => {
    expect(faultOf(change)).toMatchObject({ error: { code: "MANIFEST_INCONSISTENT" } });
  });
});

describe("manifestCommitment", () => {
  it("changes with every part, and checks against the chain's", () => {
    const before = manifestCommitment(manifest());
    for (const change of [
      (m: Manifest) => {
        m.version.effectiveAt += 1;
      },
      (m: Manifest) => {
        m.segments[0]!.site = "elsewhere";
      },
      (m: Manifest) => {
        m.arrays[0]!.blocks[1]!.object = object("other");
      },
      (m: Manifest) => void m.arrays[0]!.blocks.pop(),
    ]) {
      const changed = manifest();
      change(changed);
      expect(manifestCommitment(changed)).not.toBe(before);
      expect(checkManifestCommitment(changed, before)).toMatchObject({
        error: { code: "MANIFEST_COMMITMENT_MISMATCH", expected: before },
      });
    }
    expect(checkManifestCommitment(manifest(), before).ok).toBe(true);
  });

  it("keeps the genotypes' leaf when a trait is added, and proves it to someone who sees nothing else", () => {
    const extended = manifest();
    extended.traits.push({
      name: "height",
      kind: "quantitative",
      role: "trait",
      codes: {},
      unit: "cm",
      ontology: null,
      scale: null,
      bound: null,
      validMask: "present",
      derivedFrom: [],
      nullModelDigest: null,
      visibleToGrant: true,
    });
    const leafOf = (m: Manifest) => manifestLeaves(m).find((leaf) => leaf.kind === "array")!;
    expect(leafOf(extended)).toEqual(leafOf(manifest()));
    const root = manifestCommitment(extended);
    const proof = proveLeaf(extended, leafOf(extended));
    expect(verifyLeaf(root, leafOf(extended), proof)).toBe(true);
    expect(verifyLeaf(root, { ...leafOf(extended), digest: digest("forged") }, proof)).toBe(false);
  });

  it("does not depend on the order of keys in JSON", () => {
    const reordered = JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(manifest()).reverse())));
    expect(manifestCommitment(unwrap(checkManifest(reordered)))).toBe(manifestCommitment(manifest()));
  });
});
