import { createHash } from "node:crypto";
import type { Client } from "minio";

/** A part is repeated when it fails, so it is in memory; S3 takes 10,000 of them, so 16 MiB make 156 GiB. */
export const partBytes = 16 * 1024 * 1024;

/**
 * Stores an object in parts: under its key when the last part is there, and not before. If anything fails the parts are
 * deleted; those of a process that died are swept.
 * @param body checked while it is read; what it throws aborts the upload
 */
export async function multipartPut(
  client: Client,
  place: { readonly bucket: string; readonly key: string },
  body: AsyncIterable<Uint8Array>,
  retrying: <T>(request: () => Promise<T>) => Promise<T>,
): Promise<void> {
  const { bucket, key } = place;
  const uploadID = await retrying(() => client.initiateNewMultipartUpload(bucket, key, {}));
  try {
    const parts: { part: number; etag: string }[] = [];
    for await (const bytes of inParts(body)) {
      const partNumber = parts.length + 1;
      const headers = { "content-md5": createHash("md5").update(bytes).digest("base64") };
      const config = { bucketName: bucket, objectName: key, uploadID, partNumber, headers };
      const { etag } = await retrying(() => client.uploadPart(config, bytes));
      parts.push({ part: partNumber, etag });
    }
    await client.completeMultipartUpload(bucket, key, uploadID, parts);
  } catch (error) {
    await retrying(() => client.abortMultipartUpload(bucket, key, uploadID)).catch(() => {}); // then it is swept
    throw error;
  }
}

async function* inParts(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    let rest = piece;
    while (size + rest.length >= partBytes) {
      const fits = partBytes - size;
      yield Buffer.concat([...pieces, rest.subarray(0, fits)], partBytes);
      rest = rest.subarray(fits);
      pieces = [];
      size = 0;
    }
    if (rest.length === 0) continue;
    pieces.push(rest);
    size += rest.length;
  }
  if (size > 0) yield Buffer.concat(pieces, size);
}
