import type { Digest } from "@cos/protocol";
import { BodyRefused, checkedBody } from "./checked-body.ts";
import { digestOfKey } from "./object-key.ts";
import { type ObjectError, type ObjectInfo, ObjectStoreError, type PutOptions } from "./object-store.ts";

/** Every digest that a put under this key must have: the announced one, and that of the key. */
export function digestsOf(key: string, { digest }: PutOptions): Digest[] {
  return [digest, digestOfKey(key)].filter((one) => one !== undefined);
}

export function toPutError(key: string, { sizeBytes }: PutOptions, refused: BodyRefused): ObjectError {
  if (refused.reason === "digest") return { code: "OBJECT_DIGEST_MISMATCH", key };
  return { code: "OBJECT_SIZE_MISMATCH", key, expected: sizeBytes, received: refused.received };
}

/**
 * The bytes of a whole object as they are read, checked against its size and the digest in its key.
 * @throws ObjectStoreError `OBJECT_CORRUPT`, before the last piece
 */
export async function* readChecked(
  { key, sizeBytes }: ObjectInfo,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* checkedBody(body, sizeBytes, digestsOf(key, { sizeBytes }));
  } catch (cause) {
    if (!(cause instanceof BodyRefused)) throw cause;
    throw new ObjectStoreError("OBJECT_CORRUPT", `${key}: wrong ${cause.reason}`, { cause });
  }
}
