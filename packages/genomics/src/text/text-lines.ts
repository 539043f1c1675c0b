import type { ReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { createGunzip, type Gunzip } from "node:zlib";
import { err, ok, type Result } from "@cos/protocol";
import type { FileError } from "../errors.ts";

/** One line without its terminator (LF or CRLF). */
export interface TextLine {
  readonly text: string;
  /** From 1. */
  readonly number: number;
}

export interface TextLineOptions {
  /** Longest line taken, in bytes after decompression. */
  readonly maxLineBytes: number;
}

const LF = 10;
const CR = 13;
const CHUNK_BYTES = 1 << 18;

/**
 * Streams the lines of a plain, gzipped or bgzipped file in batches, one batch per chunk read.
 * Compression is recognised by content. The last yield may be an error; nothing follows it.
 * Memory: one chunk and one line.
 *
 * @errors `FILE_UNREADABLE`, `GZIP_DAMAGED`, `LINE_TOO_LONG`
 */
export async function* textLines(
  file: string,
  { maxLineBytes }: TextLineOptions,
): AsyncGenerator<Result<readonly TextLine[], FileError>> {
  let rest: Buffer[] = [];
  let restBytes = 0;
  let line = 1;
  let lineStart = 0;
  for await (const chunk of decompressedChunks(file)) {
    if (!chunk.ok) {
      yield chunk;
      return;
    }
    const bytes = chunk.value;
    const batch: TextLine[] = [];
    let start = 0;
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
      const length = restBytes + end - start;
      if (length > maxLineBytes) break;
      const piece = bytes.subarray(start, end);
      batch.push({
        text: decodeLine(restBytes === 0 ? piece : Buffer.concat([...rest, piece])),
        number: line++,
      });
      rest = [];
      restBytes = 0;
      lineStart += length + 1;
      start = end + 1;
    }
    if (batch.length > 0) yield ok(batch);
    if (start < bytes.length) {
      rest.push(bytes.subarray(start));
      restBytes += bytes.length - start;
    }
    if (restBytes > maxLineBytes) {
      yield err({ code: "LINE_TOO_LONG", file, line, byteOffset: lineStart, maxBytes: maxLineBytes });
      return;
    }
  }
  if (restBytes > 0) yield ok([{ text: decodeLine(Buffer.concat(rest)), number: line }]);
}

function decodeLine(bytes: Buffer): string {
  const end = bytes.length > 0 && bytes[bytes.length - 1] === CR ? bytes.length - 1 : bytes.length;
  return bytes.toString("utf8", 0, end);
}

/** BGZF's empty last block; a file without it was cut off between two blocks (SAM specification, section 4.1.2). */
const BGZF_EOF = Buffer.from("1f8b08040000000000ff0600424302001b0003000000000000000000", "hex");
const BGZF_HEADER_BYTES = 18;

async function* decompressedChunks(file: string): AsyncGenerator<Result<Buffer, FileError>> {
  let bytesOut = 0;
  let handle: FileHandle | undefined;
  let raw: ReadStream | undefined;
  try {
    handle = await open(file);
    const { compressed, complete } = await lookAtEnds(handle);
    raw = handle.createReadStream({ start: 0, highWaterMark: CHUNK_BYTES, autoClose: false });
    for await (const chunk of compressed ? gunzipped(raw) : raw) {
      bytesOut += (chunk as Buffer).length;
      yield ok(chunk as Buffer);
    }
    if (!complete) {
      yield err({
        code: "GZIP_DAMAGED",
        file,
        byteOffset: bytesOut,
        reason: "the last BGZF block is missing",
      });
    }
  } catch (cause) {
    const reason = systemCode(cause);
    yield err(
      reason.startsWith("Z_")
        ? { code: "GZIP_DAMAGED", file, byteOffset: bytesOut, reason }
        : { code: "FILE_UNREADABLE", file, reason },
    );
  } finally {
    raw?.destroy();
    await handle?.close();
  }
}

function gunzipped(raw: ReadStream): Gunzip {
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  raw.on("error", (cause) => gunzip.destroy(cause));
  return raw.pipe(gunzip);
}

/** Whether the file is gzip, and, where it is BGZF, whether it ends as BGZF must. */
async function lookAtEnds(handle: FileHandle): Promise<{ compressed: boolean; complete: boolean }> {
  const { size } = await handle.stat();
  const head = Buffer.alloc(BGZF_HEADER_BYTES);
  await handle.read(head, 0, BGZF_HEADER_BYTES, 0);
  const compressed = head[0] === 0x1f && head[1] === 0x8b;
  const bgzf = compressed && head[3] === 4 && head[12] === 0x42 && head[13] === 0x43;
  if (!bgzf) return { compressed, complete: true };
  const tail = Buffer.alloc(BGZF_EOF.length);
  await handle.read(tail, 0, tail.length, Math.max(0, size - tail.length));
  return { compressed, complete: tail.equals(BGZF_EOF) };
}

/** The error code of the system or of zlib; anything else is a bug and goes on as it is. */
export function systemCode(cause: unknown): string {
  if (cause instanceof Error && "code" in cause && typeof cause.code === "string") return cause.code;
  throw cause;
}
