import type { Digest, Result } from "@cos/protocol";
import { joinPieces } from "@cos/protocol/object-digest";
import { digestSchema } from "@cos/protocol/object-ref";
import { err, ok } from "@cos/protocol/result";
import { z } from "zod";
import {
  type ByteSource,
  type ContainerError,
  type Frame,
  type FrameFormat,
  frameHead,
  framePieces,
  openFrame,
  readFrame,
  withDigest,
} from "./framed-file.ts";
import { packedCiphertextBytes } from "./profile.ts";
import { findProfile } from "./profiles.ts";

export { type ByteSource, memorySource } from "./framed-file.ts";

/** What an entry is the encrypted sum of: numbers that the plan gives to contractions, variant blocks and runs. */
export type EntryKey = {
  contraction: number;
  /** `noVariantBlock` where the contraction has no variant axis. */
  variantBlock: number;
  run: number;
};
export const noVariantBlock = 0xffff_ffff;

export type CiphertextEntry = EntryKey & {
  /** Index into the header's contexts. */
  context: number;
  degree: 1 | 2;
  /** `degree + 1` polynomials, packed, in NTT form. */
  packed: Uint8Array;
  /** The entry's digest where it is known: checked in a list that it was read from, or worked out by `digestedEntry`. */
  digest?: Uint8Array | undefined;
};

const headerSchema = z.strictObject({
  format: z.literal("cos-ciphertexts/1"),
  planDigest: digestSchema,
  taskId: digestSchema,
  contexts: z
    .array(
      z.strictObject({
        profile: z.string().max(128),
        parameterDigest: digestSchema,
        contextDigest: digestSchema,
      }),
    )
    .min(1)
    .max(1_024),
});
export type CiphertextListHeader = z.infer<typeof headerSchema>;

const format: FrameFormat<CiphertextListHeader> = {
  magic: "COSL",
  fieldCount: 5,
  maxRecords: 10_000_000,
  maxHeaderBytes: 1 << 20,
  readHeader,
  payloadBytes: ({ contexts }, [, , , context, degree]) => {
    const named = contexts[context as number];
    const profile = named === undefined ? undefined : findProfile(named.profile);
    if (profile === undefined || !profile.ok || (degree !== 1 && degree !== 2)) return undefined;
    return packedCiphertextBytes(profile.value, degree);
  },
};

/** Writes a task's output or a job's result. Equal entries in equal order give equal bytes. */
export function writeCiphertextList(
  header: { planDigest: Digest; taskId: Digest; contexts: CiphertextListHeader["contexts"] },
  entries: readonly CiphertextEntry[],
): Uint8Array {
  return joinPieces(ciphertextListPieces(header, entries));
}

/** The same in pieces that follow one another; the ciphertexts are not copied. */
export function ciphertextListPieces(
  header: { planDigest: Digest; taskId: Digest; contexts: CiphertextListHeader["contexts"] },
  entries: readonly CiphertextEntry[],
): Uint8Array<ArrayBuffer>[] {
  return framePieces(format, { format: "cos-ciphertexts/1", ...header }, entries.map(toRecord));
}

/** The first of these pieces alone, for ciphertexts that lie elsewhere: everything in front of them. */
export function ciphertextListHead(
  header: { planDigest: Digest; taskId: Digest; contexts: CiphertextListHeader["contexts"] },
  entries: readonly (Omit<CiphertextEntry, "packed"> & { digest: Uint8Array })[],
): Uint8Array<ArrayBuffer> {
  const records = entries.map((e) => ({ fields: fieldsOf(e), digest: e.digest }));
  return frameHead(format, { format: "cos-ciphertexts/1", ...header }, records);
}

/** The entry with its digest: made where its ciphertext is, by threads, it need not be made where lists are written. */
export const digestedEntry = (entry: CiphertextEntry): CiphertextEntry & { digest: Uint8Array } => ({
  ...entry,
  digest: withDigest(format, toRecord(entry)).digest,
});

const fieldsOf = (e: Omit<CiphertextEntry, "packed">): number[] => [
  e.contraction,
  e.variantBlock,
  e.run,
  e.context,
  e.degree,
];
const toRecord = (e: CiphertextEntry) => ({
  fields: fieldsOf(e),
  payload: e.packed,
  digest: e.digest,
});

/** What a list's head says of its entries. */
type ListedEntries = {
  header: CiphertextListHeader;
  count: number;
  /** Key, context and degree of an entry. */
  describe(index: number): Omit<CiphertextEntry, "packed">;
  /** The digest that an entry's ciphertext is checked by. */
  digest(index: number): Uint8Array;
};

export type CiphertextList = ListedEntries & {
  /** @errors `DIGEST_MISMATCH` */
  packed(index: number): Result<Uint8Array, ContainerError>;
};

/** A list of which only the head is in memory: about 52 bytes an entry. */
export type StoredCiphertextList = ListedEntries & {
  /** @errors `DIGEST_MISMATCH` also where the bytes changed since the list was opened, `CONTAINER_TRUNCATED` */
  packed(index: number): Promise<Result<Uint8Array, ContainerError>>;
  /** The same for `count` entries that follow one another, by one read. Cost: they are all in memory, as one piece. */
  packedRun(first: number, count: number): Promise<Result<Uint8Array, ContainerError>[]>;
};

/** Opens a list of unknown origin: sizes follow from the profiles that the header names, so no size is believed. */
export function openCiphertextList(bytes: Uint8Array): Result<CiphertextList, ContainerError> {
  const frame = openFrame(bytes, format);
  return frame.ok ? ok({ ...entriesOf(frame.value), packed: frame.value.payload }) : frame;
}

/** Opens a list of unknown origin by its head alone, which is what later reads are checked by. */
export async function readCiphertextList(
  source: ByteSource,
): Promise<Result<StoredCiphertextList, ContainerError>> {
  const frame = await readFrame(source, format);
  if (!frame.ok) return frame;
  const { payloads } = frame.value;
  return ok({
    ...entriesOf(frame.value),
    packed: async (index) => (await payloads(index, 1))[0] as Result<Uint8Array, ContainerError>,
    packedRun: payloads,
  });
}

const entriesOf = ({
  header,
  count,
  fields,
  digest,
}: Pick<Frame<CiphertextListHeader>, "header" | "count" | "fields" | "digest">): ListedEntries => ({
  header,
  count,
  describe: (index) => {
    const [contraction, variantBlock, run, context, degree] = fields(index) as [
      number,
      number,
      number,
      number,
      1 | 2,
    ];
    return { contraction, variantBlock, run, context, degree };
  },
  digest,
});

function readHeader(json: unknown): Result<CiphertextListHeader, ContainerError> {
  const parsed = headerSchema.safeParse(json);
  if (!parsed.success) return err({ code: "CONTAINER_MALFORMED", detail: "ciphertext list header" });
  for (const context of parsed.data.contexts) {
    const profile = findProfile(context.profile);
    if (!profile.ok) return err({ code: "CONTAINER_MALFORMED", detail: "unknown profile" });
    if (profile.value.digest !== context.parameterDigest) {
      return err({
        code: "CONTEXT_MISMATCH",
        expected: profile.value.digest,
        actual: context.parameterDigest,
      });
    }
  }
  return ok(parsed.data);
}
