import { type Digest, uploadHeaders } from "@cos/protocol";
import { presignSignatureV4 } from "minio/dist/esm/signing.mjs";
import type { S3Address } from "./s3-client.ts";

/**
 * URLs that read or write one object of a bucket. An upload's SHA-256 is among what is signed, which MinIO's own
 * `presignedPutObject` cannot do.
 * @param origin scheme and authority under which the holder of the URL reaches the store
 */
export function presigner(address: S3Address, origin: URL, region: string) {
  const sign = (
    method: string,
    key: string,
    ttlSeconds: number,
    headers: Readonly<Record<string, string>> = {},
  ): string =>
    presignSignatureV4(
      {
        method,
        protocol: origin.protocol,
        path: `/${address.bucket}/${key}`,
        headers: { host: origin.host, ...headers },
      } as unknown as Parameters<typeof presignSignatureV4>[0],
      address.accessKey,
      address.secretKey,
      undefined,
      region,
      new Date(),
      ttlSeconds,
    );
  return {
    get: (key: string, ttlSeconds: number): string => sign("GET", key, ttlSeconds),
    put: (key: string, ttlSeconds: number, digest: Digest): string =>
      sign("PUT", key, ttlSeconds, uploadHeaders(digest)),
  };
}
