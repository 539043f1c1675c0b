import { asDigest, type Digest } from "@cos/protocol";

/** Keys are plain words and digits between slashes, so that none can leave a folder or needs escaping in a URL. */
const goodKey = /^[a-z0-9][a-z0-9-]{0,127}(\/[a-z0-9][a-z0-9.-]{0,127}){0,3}$/;
const contentKey = /^objects\/([0-9a-f]{64})$/;

/** @throws TypeError for a key that no caller of ours would make */
export function checkKey(key: string): void {
  if (!goodKey.test(key) || key.startsWith("tmp")) throw new TypeError("bad object key");
}

/** The SHA-256 that a key promises: that of `objects/<64 hex digits>`; undefined for others. */
export function digestOfKey(key: string): Digest | undefined {
  const hex = contentKey.exec(key)?.[1];
  return hex === undefined ? undefined : asDigest(`0x${hex}`);
}
