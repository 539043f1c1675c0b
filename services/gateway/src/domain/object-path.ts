import { asDigest, type Digest } from "@cos/protocol";

/** Reads `/v1/objects/<64 lower-case hex digits>`; anything else, however dressed up, is no object's path. */
export function parseObjectPath(path: string): Digest | undefined {
  const match = /^\/v1\/objects\/([0-9a-f]{64})$/.exec(path);
  return match === null ? undefined : asDigest(`0x${match[1]}`);
}

/** Reads `cos-object:<64 lower-case hex digits>`. */
export function parseObjectUri(uri: string): Digest | undefined {
  const match = /^cos-object:([0-9a-f]{64})$/.exec(uri);
  return match === null ? undefined : asDigest(`0x${match[1]}`);
}
