import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream/promises";
import { asDigest } from "@cos/protocol";
import type { ByteRange, ObjectStore } from "./object-store.ts";
import { signTerms, verifyTerms } from "./signed-url.ts";

export interface SignedUrlServer {
  readonly url: string;
  readonly presign: Pick<ObjectStore, "presignGet" | "presignPut">;
  /** The store is known after the server, because the store's presigned URLs name the server. */
  serve(store: Pick<ObjectStore, "head" | "get" | "put">): void;
  close(): Promise<void>;
}

/**
 * A loopback HTTP server that does for the directory what presigned URLs do for S3: whoever holds the URL may GET one
 * object, or PUT exactly the bytes that were announced, until it expires.
 */
export async function startSignedUrlServer(options: {
  host: string;
  port: number;
  secret: Uint8Array;
  now: () => number;
}): Promise<SignedUrlServer> {
  let store: Pick<ObjectStore, "head" | "get" | "put"> | undefined;
  const server = createServer((request, response) => {
    answer(request, response, store, options).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const url = `http://${options.host}:${(server.address() as AddressInfo).port}`;
  const { secret, now } = options;
  return {
    url,
    presign: {
      presignGet: async (key, ttlSeconds) =>
        `${url}/${key}?${signTerms(secret, { method: "GET", key, expiresAt: now() + ttlSeconds })}`,
      presignPut: async (key, ttlSeconds, { sizeBytes, digest }) =>
        `${url}/${key}?${signTerms(secret, { method: "PUT", key, expiresAt: now() + ttlSeconds, sizeBytes, digest })}`,
    },
    serve: (target) => {
      store = target;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  store: Pick<ObjectStore, "head" | "get" | "put"> | undefined,
  { secret, now }: { secret: Uint8Array; now: () => number },
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
  const key = pathname.slice(1);
  const terms = verifyTerms(secret, key, searchParams, now());
  if (store === undefined || terms === undefined || terms.method !== request.method)
    return end(response, 403);
  if (terms.method === "GET") return answerGet(request, response, store, key);
  const { sizeBytes, digest } = terms;
  if (sizeBytes === undefined || digest === undefined) return end(response, 403);
  if (Number(request.headers["content-length"]) !== sizeBytes) return end(response, 411);
  const stored = await store.put(key, request, { sizeBytes, digest: asDigest(digest) });
  end(response, stored.ok ? 200 : 400);
}

/** Bytes as they lie, as S3 serves a presigned URL: whoever reads checks them, and can say that they are wrong. */
async function answerGet(
  request: IncomingMessage,
  response: ServerResponse,
  store: Pick<ObjectStore, "head" | "get">,
  key: string,
): Promise<void> {
  const range = parseRange(request.headers.range);
  const there = await store.head(key);
  if (!there.ok) return end(response, 404);
  const { sizeBytes } = there.value;
  if (sizeBytes === 0 && range === undefined) return end(response, 200);
  const found = await store.get(key, range ?? { first: 0, last: sizeBytes - 1 });
  if (!found.ok) return end(response, found.error.code === "OBJECT_RANGE" ? 416 : 404);
  const { info, body } = found.value;
  const length = range === undefined ? info.sizeBytes : range.last - range.first + 1;
  const head = { "content-length": length, "content-type": "application/octet-stream" };
  if (range === undefined) response.writeHead(200, head);
  else
    response.writeHead(206, {
      ...head,
      "content-range": `bytes ${range.first}-${range.last}/${info.sizeBytes}`,
    });
  await pipeline(body, response);
}

const parseRange = (header: string | undefined): ByteRange | undefined => {
  const match = /^bytes=(\d+)-(\d+)$/.exec(header ?? "");
  return match ? { first: Number(match[1]), last: Number(match[2]) } : undefined;
};

const end = (response: ServerResponse, status: number): void => {
  response.writeHead(status, { connection: "close" });
  response.end();
};
