import { contextDigestOf, contextsOf, type DatasetKey, profiles } from "@cos/fhe";
import { type ArrayManifest, digestOfJson, type Manifest, type Trait, toRowRanges } from "@cos/protocol";
import {
  type FixedLayoutName,
  genotypeChannels,
  isFixedLayout,
  layouts,
  strideOf,
  traitChannels,
} from "../src/encode/layout.ts";

const key: DatasetKey = {
  keyId: digestOfJson("key"),
  secrets: new Map(profiles.map((p) => [p.name, new Uint8Array()])),
};

/** A manifest as encryption would write it, with made-up objects: enough for planning. */
export function plainManifest(options: {
  layout?: "allele-counts" | "fixed-point" | FixedLayoutName;
  /** Rows of each segment. */
  segments: { rows: number; consent?: string[] }[];
  /** Variants of each block. */
  blocks: number[];
  /** Whether everybody has a value for the case/control trait. */
  isComplete?: boolean;
}): Manifest {
  const layout = layouts[options.layout ?? "allele-counts"];
  const contexts = contextsOf(key);
  const contextDigest = contexts.find((c) => c.profile === layout.profile)!.digest;
  let first = 0;
  const variantBlocks = options.blocks.map((count, index) => {
    first += count;
    return { index, contig: String(index + 1), ploidy: "autosome" as const, first: first - count, count };
  });
  let firstRow = 0;
  const segments = options.segments.map(({ rows, consent }, i) => {
    firstRow += rows;
    return {
      id: `s${i + 1}`,
      site: "clinic",
      consentClass: consent ?? ["DUO:0000042"],
      firstRow: firstRow - rows,
      rowsPadded: rows,
      addedIn: 1,
      deletedRows: [],
      commitment: digestOfJson(i),
    };
  });
  const shared = {
    layout: layout.name,
    profile: layout.profile.name,
    contextDigest,
    packing: "coefficient" as const,
    rowDeletable: true,
    rowsPerBlock: layout.rowsPerBlock,
  };
  const stride = strideOf(variantBlocks);
  const isFixed = isFixedLayout(layout.name);
  const isBinary = layout.name !== "fixed-point";
  const channels = traitChannels(
    layout,
    stride,
    isBinary
      ? { kind: "binary", isComplete: options.isComplete === true }
      : { kind: "quantitative", valueDigits: 3, squareDigits: 6 },
  );
  const arrays: ArrayManifest[] = [
    {
      ...shared,
      name: isFixed ? "genotypes/fixed" : "genotypes",
      ...(isFixed ? { trait: "t" } : {}),
      ...(layout.name === "case-counters" ? { traitComplete: true } : {}),
      axes: ["sample", "variant"],
      ciphertextsPerRow: 1,
      channels: genotypeChannels(layout, stride),
      variantBlocks,
      blocks: [],
    },
  ];
  if (!isFixed) {
    arrays.push({
      ...shared,
      name: "trait/t",
      axes: ["sample"],
      trait: "t",
      ciphertextsPerRow: 1 + Math.max(...channels.map((c) => c.at.ciphertext)),
      channels,
      variantBlocks: [],
      blocks: [],
      ...(isBinary && channels.length === 1 ? { traitComplete: true } : {}),
    });
  }
  for (const array of arrays) {
    for (const variantBlock of array.axes.length === 2 ? variantBlocks.map((b) => b.index) : [null]) {
      for (const segment of segments) {
        for (let rowBlock = 0; rowBlock * array.rowsPerBlock < segment.rowsPadded; rowBlock += 1) {
          const from = rowBlock * array.rowsPerBlock;
          const count = Math.min(array.rowsPerBlock, segment.rowsPadded - from);
          const index = array.blocks.length;
          array.blocks.push({
            index,
            segment: segment.id,
            variantBlock,
            rowBlock,
            rows: toRowRanges(Array.from({ length: count }, (_, i) => segment.firstRow + from + i)),
            object: { digest: digestOfJson([array.name, index]), sizeBytes: 1_000 * count },
          });
        }
      }
    }
  }
  return {
    format: "cos-manifest/1",
    species: "human",
    assembly: "GRCh38",
    version: { n: 1, parent: null, reason: "append", effectiveAt: 0 },
    keyId: key.keyId,
    contextDigest: contextDigestOf(key),
    contexts: contexts.map((c) => ({ profile: c.profile.name, contextDigest: c.digest })),
    variantAxis: { object: { digest: digestOfJson("axis"), sizeBytes: 1 }, count: first },
    segments,
    arrays,
    traits: [trait(isBinary ? "binary" : "quantitative")],
  };
}

const trait = (kind: Trait["kind"]): Trait => ({
  name: "t",
  kind,
  role: "trait",
  codes: {},
  unit: null,
  ontology: null,
  scale: null,
  bound: null,
  validMask: "present",
  derivedFrom: [],
  nullModelDigest: null,
  visibleToGrant: true,
});
