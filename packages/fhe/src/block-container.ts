import { type Digest, digestSchema, err, ok, type Result } from "@cos/protocol";
import { z } from "zod";
import type { Context } from "./context.ts";
import { type ContainerError, type Frame, openFrame, writeFrame } from "./framed-file.ts";
import { type Profile, packedPolynomialBytes } from "./profile.ts";
import { findProfile } from "./profiles.ts";

/** Where a block belongs; repeated in the container so that a mix-up is seen before anything is computed. */
export type BlockLabel = {
  array: string;
  segment: string;
  /** Null for arrays without a variant axis. */
  variantBlock: number | null;
  rowBlock: number;
};

const headerSchema = z.strictObject({
  format: z.literal("cos-block/1"),
  profile: z.string().max(128),
  parameterDigest: digestSchema,
  contextDigest: digestSchema,
  ciphertextsPerRow: z.int().min(1).max(256),
  label: z.strictObject({
    array: z.string().max(128),
    segment: z.string().max(128),
    variantBlock: z.int().min(0).nullable(),
    rowBlock: z.int().min(0),
  }),
});
export type BlockHeader = z.infer<typeof headerSchema>;

/** One person's part of a block: the ciphertexts of the row, seeded and packed, one after the other. */
export type BlockRow = { streamIndex: number; ciphertexts: Uint8Array };

const shape = { magic: "COSB", fieldCount: 1, maxRecords: 1_000_000, maxHeaderBytes: 16_384 };

/** SEAL's seed of the second polynomial: 512 bits, drawn by SEAL from the system's generator. */
export const seedBytes = 64;

/** Bytes of one fresh ciphertext at rest: the first polynomial bit-packed, the second as its seed. */
export const seededCiphertextBytes = (profile: Profile): number => packedPolynomialBytes(profile) + seedBytes;

/** Writes rows, in ascending stream index, as one object. */
export function writeBlock(
  context: Context,
  ciphertextsPerRow: number,
  label: BlockLabel,
  rows: readonly BlockRow[],
): Uint8Array {
  const header: BlockHeader = {
    format: "cos-block/1",
    profile: context.profile.name,
    parameterDigest: context.profile.digest,
    contextDigest: context.digest,
    ciphertextsPerRow,
    label,
  };
  return writeFrame(
    shape,
    header,
    rows.map((row) => ({ fields: [row.streamIndex], payload: row.ciphertexts })),
  );
}

export type BlockContainer = {
  header: BlockHeader;
  profile: Profile;
  /** Ascending. */
  streamIndexes: Uint32Array;
  /** The seeded, packed ciphertexts of the row at `position`, digest checked. @errors `DIGEST_MISMATCH` */
  row(position: number): Result<Uint8Array[], ContainerError>;
};

/**
 * Opens a block of unknown origin. Cost: hashes the header now and each row when it is read.
 * @param expected context that the block must have been made under, and the label that the manifest gives it
 */
export function openBlock(
  bytes: Uint8Array,
  expected: { contextDigest?: Digest; label?: BlockLabel } = {},
): Result<BlockContainer, ContainerError> {
  const frame = openFrame(bytes, shape, readHeader, rowBytes);
  if (!frame.ok) return frame;
  const { header } = frame.value;
  if (expected.contextDigest !== undefined && header.contextDigest !== expected.contextDigest) {
    return err({ code: "CONTEXT_MISMATCH", expected: expected.contextDigest, actual: header.contextDigest });
  }
  if (expected.label !== undefined && !sameLabel(header.label, expected.label)) {
    return err({ code: "CONTAINER_MALFORMED", detail: "the block is another one than the manifest names" });
  }
  const profile = findProfile(header.profile);
  if (!profile.ok) return err({ code: "CONTAINER_MALFORMED", detail: "unknown profile" });
  const streamIndexes = readIndexes(frame.value);
  if (streamIndexes === undefined) return err({ code: "CONTAINER_MALFORMED", detail: "rows out of order" });
  const each = seededCiphertextBytes(profile.value);
  return ok({
    header,
    profile: profile.value,
    streamIndexes,
    row: (position) => {
      const payload = frame.value.payload(position);
      if (!payload.ok) return payload;
      return ok(
        Array.from({ length: header.ciphertextsPerRow }, (_, i) =>
          payload.value.subarray(i * each, (i + 1) * each),
        ),
      );
    },
  });
}

/**
 * Rewrites a block without the given rows. Nothing is decrypted or encrypted again; the other rows keep their
 * stream indexes and their digests.
 * @returns the new object, or null when no row is left
 */
export function deleteRows(
  bytes: Uint8Array,
  streamIndexes: ReadonlySet<number>,
): Result<Uint8Array | null, ContainerError> {
  const frame = openFrame(bytes, shape, readHeader, rowBytes);
  if (!frame.ok) return frame;
  const kept = [];
  for (let i = 0; i < frame.value.count; i += 1) {
    const fields = frame.value.fields(i);
    if (streamIndexes.has(fields[0] as number)) continue;
    const payload = frame.value.payload(i);
    if (!payload.ok) return payload;
    kept.push({ fields, payload: payload.value });
  }
  return ok(kept.length === 0 ? null : writeFrame(shape, frame.value.header, kept));
}

function readHeader(json: unknown): Result<BlockHeader, ContainerError> {
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success) return err({ code: "CONTAINER_MALFORMED", detail: "block header" });
  const profile = findProfile(parsed.data.profile);
  if (!profile.ok) return err({ code: "CONTAINER_MALFORMED", detail: "unknown profile" });
  if (profile.value.digest !== parsed.data.parameterDigest) {
    return err({
      code: "CONTEXT_MISMATCH",
      expected: profile.value.digest,
      actual: parsed.data.parameterDigest,
    });
  }
  return ok(parsed.data);
}

function rowBytes(header: BlockHeader): number | undefined {
  const profile = findProfile(header.profile);
  return profile.ok ? header.ciphertextsPerRow * seededCiphertextBytes(profile.value) : undefined;
}

function readIndexes(frame: Frame<BlockHeader>): Uint32Array | undefined {
  const indexes = new Uint32Array(frame.count);
  for (let i = 0; i < frame.count; i += 1) {
    indexes[i] = frame.fields(i)[0] as number;
    if (i > 0 && (indexes[i] as number) <= (indexes[i - 1] as number)) return undefined;
  }
  return indexes;
}

const sameLabel = (a: BlockLabel, b: BlockLabel): boolean =>
  a.array === b.array &&
  a.segment === b.segment &&
  a.variantBlock === b.variantBlock &&
  a.rowBlock === b.rowBlock;
