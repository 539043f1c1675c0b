import { z } from "zod";
import { canonicalJson } from "../canonical-json.ts";
import { err, ok, type Result } from "../result.ts";
import { digestSchema, objectRefSchema } from "./object-ref.ts";
import { rowRangesSchema } from "./row-ranges.ts";
import { maxVariants, ploidyClassSchema } from "./variant-axis.ts";

const name = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.@/+:-]*$/)
  .refine((text) => !text.includes(".."), "a name is not a path");
const duo = z.string().regex(/^DUO:\d{7}$/);
const count = z
  .int()
  .min(0)
  .max(2 ** 31);
const integerText = z.string().regex(/^(0|[1-9][0-9]{0,38})$/);

/** Why a version exists. The first version of a dataset is an `append` without a parent. */
export const versionReasons = ["append", "correct", "withdraw", "consent"] as const;
export type VersionReason = (typeof versionReasons)[number];

export const versionSchema = z.strictObject({
  n: z.int().min(1).max(1_000_000),
  /** Commitment of the version before; null for the first. */
  parent: digestSchema.nullable(),
  reason: z.enum(versionReasons),
  /** Unix seconds. */
  effectiveAt: z.int().min(0),
});

/** People who came together, under one consent; blocks never cross segments. Rows are padded with empty people. */
export const segmentSchema = z.strictObject({
  id: name,
  site: name,
  consentClass: z.array(duo).min(1).max(16),
  /** First stream index; the segment holds `firstRow .. firstRow + rowsPadded - 1`. */
  firstRow: count,
  /** Published count: real people and encrypted empty ones, indistinguishable. */
  rowsPadded: z
    .int()
    .min(1)
    .max(2 ** 31),
  /** Version that added the segment. */
  addedIn: z.int().min(1),
  /** Rows that were deleted since (withdrawn or moved to another consent). */
  deletedRows: rowRangesSchema,
  /** Salted digest over the secret map from people to rows; deleting the salt erases the link. */
  commitment: digestSchema,
});
export type Segment = z.infer<typeof segmentSchema>;

/**
 * One column of an array: what it measures, and where its numbers sit in a row's ciphertexts.
 * `value = (code - offset) * scale`; several channels with one `quantity` are its digits:
 * `code(quantity) = sum of channel * 2^radixPower`.
 */
export const channelSchema = z.strictObject({
  name,
  quantity: name,
  /** Quantity of the array's trait by which it is multiplied, where the owner fixed that trait at encryption. */
  weight: name.optional(),
  radixPower: z.int().min(0).max(128),
  /** Value of one step of the code; null when it is the owner's secret. */
  scale: z.number().nullable(),
  offset: z.number().nullable(),
  /** Largest code of this channel in one row; codes are never negative. */
  bound: integerText,
  /** What a missing value is encoded as: `zero` adds nothing to any sum. */
  missing: z.enum(["zero", "none"]),
  /** Ciphertext of the row, first coefficient, and the multiplier of the digit that shares the coefficient. */
  at: z.strictObject({
    ciphertext: z.int().min(0).max(255),
    coefficient: z.int().min(0).max(65_535),
    multiplier: integerText,
  }),
});
export type Channel = z.infer<typeof channelSchema>;

export const variantBlockSchema = z.strictObject({
  index: count,
  contig: z.string().min(1).max(64),
  ploidy: ploidyClassSchema,
  /** First variant of the block on the variant axis, and how many follow it. */
  first: count,
  count: z.int().min(1).max(65_536),
});
export type VariantBlock = z.infer<typeof variantBlockSchema>;

/** One stored object: a run of one segment's rows of one array (and of one variant block, where the array has that axis). */
export const blockSchema = z.strictObject({
  index: count,
  segment: name,
  variantBlock: count.nullable(),
  /** Number of the run of rows within the segment; blocks of two arrays with one number hold the same rows. */
  rowBlock: count,
  rows: rowRangesSchema,
  object: objectRefSchema,
});
export type Block = z.infer<typeof blockSchema>;

/** An encrypted table in one layout. A row is one person. Coefficient `at.coefficient + v` holds variant `v` of the block. */
export const arraySchema = z.strictObject({
  name,
  /** Arrays of one layout share row blocks, profile and spacing and may be multiplied with each other. */
  layout: name,
  axes: z.union([z.tuple([z.literal("sample"), z.literal("variant")]), z.tuple([z.literal("sample")])]),
  /** The trait that this array encodes or, on genotypes, that the owner fixed; absent for genotypes that any trait may weight. */
  trait: name.optional(),
  /** Of a case/control trait, fixed or not: every person has a value, so that whoever is no `case` is a `control`. */
  traitComplete: z.boolean().optional(),
  profile: name,
  contextDigest: digestSchema,
  packing: z.literal("coefficient"),
  rowDeletable: z.boolean(),
  ciphertextsPerRow: z.int().min(1).max(256),
  rowsPerBlock: z.int().min(1).max(1_000_000),
  channels: z.array(channelSchema).min(1).max(256),
  variantBlocks: z.array(variantBlockSchema).max(1_000_000),
  blocks: z.array(blockSchema).max(5_000_000),
});
export type ArrayManifest = z.infer<typeof arraySchema>;

export const traitKinds = ["binary", "quantitative"] as const;
export type TraitKind = (typeof traitKinds)[number];

/** An entry of the data dictionary. It describes; it holds nobody's value. */
export const traitSchema = z.strictObject({
  name,
  kind: z.enum(traitKinds),
  role: z.enum(["trait", "covariate", "mask", "weight"]),
  /** Codes of the source file, e.g. `{ "1": "control", "2": "case" }`; empty for quantities. */
  codes: z.record(z.string().max(64), z.string().max(256)),
  unit: z.string().max(64).nullable(),
  /** Term of an ontology, e.g. `HP:0000822`. */
  ontology: z.string().max(128).nullable(),
  /** Value of one step of the code, and its largest code; null where that is the owner's secret. */
  scale: z.number().nullable(),
  bound: integerText.nullable(),
  /** Quantity that is 1 where the trait was measured. */
  validMask: name,
  derivedFrom: z.array(name).max(64),
  nullModelDigest: digestSchema.nullable(),
  /** Whether a grantee may see this entry; false hides it from listings, never from the owner. */
  visibleToGrant: z.boolean(),
});
export type Trait = z.infer<typeof traitSchema>;

export const manifestSchema = z.strictObject({
  format: z.literal("cos-manifest/1"),
  species: z.string().min(1).max(64),
  assembly: z.string().min(1).max(128),
  version: versionSchema,
  /** Identity of the key and digest of all contexts under it: what the chain knows as the dataset's context. */
  keyId: digestSchema,
  contextDigest: digestSchema,
  contexts: z
    .array(z.strictObject({ profile: name, contextDigest: digestSchema }))
    .min(1)
    .max(16),
  variantAxis: z.strictObject({ object: objectRefSchema, count: z.int().min(1).max(maxVariants) }),
  segments: z.array(segmentSchema).min(1).max(10_000),
  arrays: z.array(arraySchema).min(1).max(10_000),
  traits: z.array(traitSchema).max(10_000),
});
/** The published description of one version of a dataset. No sample id, no phenotype value, no unpadded count. */
export type Manifest = z.infer<typeof manifestSchema>;

export type ManifestError =
  /** More bytes than a manifest may have. */
  | { code: "MANIFEST_TOO_LARGE"; sizeBytes: number; maxBytes: number }
  /** Not JSON, or a field is missing, unknown or out of bounds. */
  | { code: "MANIFEST_MALFORMED"; field: string; detail: string }
  /** Fields that contradict each other: a name twice, a block of an unknown segment, rows outside the segment. */
  | { code: "MANIFEST_INCONSISTENT"; field: string; detail: string };

export const maxManifestBytes = 256 * 2 ** 20;

/** The bytes that are stored and whose object digest travels: canonical JSON. */
export const manifestBytes = (manifest: Manifest): Uint8Array =>
  new TextEncoder().encode(canonicalJson(manifest));

/** Reads a manifest from bytes of unknown origin. */
export function parseManifest(bytes: Uint8Array): Result<Manifest, ManifestError> {
  if (bytes.length > maxManifestBytes) {
    return err({ code: "MANIFEST_TOO_LARGE", sizeBytes: bytes.length, maxBytes: maxManifestBytes });
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return err({ code: "MANIFEST_MALFORMED", field: "", detail: "not JSON in UTF-8" });
  }
  return checkManifest(value);
}

/** Shape, bounds and the relations between fields. */
export function checkManifest(value: unknown): Result<Manifest, ManifestError> {
  const parsed = manifestSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    return err({
      code: "MANIFEST_MALFORMED",
      field: issue?.path.join(".") ?? "",
      detail: issue?.message ?? "malformed",
    });
  }
  const fault = findInconsistency(parsed.data);
  return fault === undefined ? ok(parsed.data) : err({ code: "MANIFEST_INCONSISTENT", ...fault });
}

type Fault = { field: string; detail: string };

function findInconsistency(manifest: Manifest): Fault | undefined {
  return (
    findDuplicate(
      "segments",
      manifest.segments.map((s) => s.id),
    ) ??
    findDuplicate(
      "arrays",
      manifest.arrays.map((a) => a.name),
    ) ??
    findDuplicate(
      "traits",
      manifest.traits.map((t) => t.name),
    ) ??
    findDuplicate(
      "contexts",
      manifest.contexts.map((c) => c.profile),
    ) ??
    findSegmentOverlap(manifest.segments) ??
    firstOf(manifest.arrays, (array) => findArrayFault(manifest, array))
  );
}

function findSegmentOverlap(segments: readonly Segment[]): Fault | undefined {
  let next = 0;
  for (const segment of segments) {
    if (segment.firstRow < next) return { field: `segments.${segment.id}`, detail: "overlaps another" };
    next = segment.firstRow + segment.rowsPadded;
    for (const [first, rows] of segment.deletedRows) {
      if (first < segment.firstRow || first + rows > next) {
        return { field: `segments.${segment.id}.deletedRows`, detail: "outside the segment" };
      }
    }
  }
  return undefined;
}

function findArrayFault(manifest: Manifest, array: ArrayManifest): Fault | undefined {
  const field = `arrays.${array.name}`;
  const context = manifest.contexts.find((c) => c.profile === array.profile);
  if (context?.contextDigest !== array.contextDigest)
    return { field, detail: "context is not the dataset's" };
  const trait = manifest.traits.find((t) => t.name === array.trait);
  if (array.trait !== undefined && trait === undefined) {
    return { field, detail: "encodes a trait that the dictionary does not name" };
  }
  const hasVariants = array.axes.length === 2;
  if (hasVariants !== array.variantBlocks.length > 0)
    return { field, detail: "axes and variant blocks disagree" };
  for (const [i, block] of array.variantBlocks.entries()) {
    if (block.index !== i || block.first + block.count > manifest.variantAxis.count) {
      return { field: `${field}.variantBlocks.${i}`, detail: "outside the variant axis, or out of order" };
    }
  }
  const isFixed = hasVariants && array.trait !== undefined;
  if (!isFixed && array.channels.some((c) => c.weight !== undefined)) {
    return { field, detail: "weighted channels where no trait is fixed" };
  }
  if (array.traitComplete === true && trait?.kind !== "binary") {
    return { field, detail: "nobody is a control of what is no case/control trait" };
  }
  if (array.channels.some((c) => c.at.ciphertext >= array.ciphertextsPerRow)) {
    return { field: `${field}.channels`, detail: "names a ciphertext that a row does not have" };
  }
  return (
    findDuplicate(
      `${field}.channels`,
      array.channels.map((c) => c.name),
    ) ?? findBlockFault(manifest, array, field)
  );
}

function findBlockFault(manifest: Manifest, array: ArrayManifest, field: string): Fault | undefined {
  const segments = new Map(manifest.segments.map((s) => [s.id, s]));
  const seen = new Set<string>();
  for (const [i, block] of array.blocks.entries()) {
    const at = `${field}.blocks.${i}`;
    const segment = segments.get(block.segment);
    if (block.index !== i || segment === undefined)
      return { field: at, detail: "unknown segment, or out of order" };
    if ((block.variantBlock !== null) !== (array.axes.length === 2)) {
      return { field: at, detail: "variant block and axes disagree" };
    }
    if (block.variantBlock !== null && block.variantBlock >= array.variantBlocks.length) {
      return { field: at, detail: "unknown variant block" };
    }
    const key = `${block.segment}|${block.variantBlock}|${block.rowBlock}`;
    if (seen.has(key)) return { field: at, detail: "the same block twice" };
    seen.add(key);
    const low = segment.firstRow + block.rowBlock * array.rowsPerBlock;
    const high = Math.min(low + array.rowsPerBlock, segment.firstRow + segment.rowsPadded);
    if (block.rows.length === 0 || block.rows.some(([first, n]) => first < low || first + n > high)) {
      return { field: at, detail: "rows outside their run" };
    }
  }
  return undefined;
}

function findDuplicate(field: string, names: readonly string[]): Fault | undefined {
  const seen = new Set<string>();
  for (const each of names) {
    if (seen.has(each)) return { field, detail: `${each} twice` };
    seen.add(each);
  }
  return undefined;
}

function firstOf<T>(items: readonly T[], find: (item: T) => Fault | undefined): Fault | undefined {
  for (const item of items) {
    const fault = find(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
