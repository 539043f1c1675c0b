import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { finished } from "node:stream/promises";
import type { Digest } from "@cos/protocol";
import { freeNow } from "@cos/protocol/free-now";
import type { HttpRequest, HttpRoute, Logger } from "@cos/service-host";
import type { GatewayEvent } from "../../app/dependencies.ts";
import type { ObjectTransfers, OpenedObject } from "../../app/object-transfers.ts";
import type { Transfer } from "../../app/repositories.ts";
import { rangeLength } from "../../domain/byte-range.ts";
import { parseObjectPath } from "../../domain/object-path.ts";
import { type Refusal, refusal } from "../../domain/refusal.ts";
import { bearerOf } from "../bearer.ts";
import { sendProblem } from "./problem.ts";

const objectsPath = "/v1/objects/:digest";

/** `PUT|GET|HEAD /v1/objects/{64 hex digits}` under a transfer token. */
export function objectRoutes(transfers: ObjectTransfers, logger: Logger<GatewayEvent>): HttpRoute[] {
  const refuse = (request: HttpRequest, response: ServerResponse, reason: Refusal): void => {
    logger.info("object.refused", { route: `${request.method} ${objectsPath}`, code: reason.code });
    const unread = request.method === "PUT" && !request.complete;
    // A refused body is not read: the connection closes instead.
    sendProblem(response, reason, {
      bodyless: request.method === "HEAD",
      headers: { ...(unread ? { connection: "close" } : {}), ...rangeHeaders(reason) },
    });
  };
  const admitted =
    (
      serve: (
        request: HttpRequest,
        response: ServerResponse,
        transfer: Transfer,
        digest: Digest,
      ) => Promise<Refusal | undefined>,
    ) =>
    async (request: HttpRequest, response: ServerResponse): Promise<void> => {
      const digest = parseObjectPath(pathOf(request));
      if (digest === undefined) return refuse(request, response, refusal("ROUTE_UNKNOWN"));
      const transfer = await transfers.authenticate(bearerOf(request.headers.authorization));
      if (!transfer.ok) return refuse(request, response, transfer.error);
      const refused = await serve(request, response, transfer.value, digest);
      if (refused !== undefined) refuse(request, response, refused);
    };

  const put = admitted(async (request, response, transfer, digest) => {
    const sizeBytes = contentLength(request);
    if (sizeBytes === undefined) return refusal("LENGTH_REQUIRED");
    const allowed = await transfers.admitUpload(transfer, digest, sizeBytes);
    if (!allowed.ok) return allowed.error;
    const stored = await transfers.store(transfer, { digest, sizeBytes, body: request });
    if (!stored.ok) return stored.error;
    response.writeHead(201, { "content-length": 0, etag: etagOf(digest) });
    response.end();
    return undefined;
  });

  const head = admitted(async (_request, response, transfer, digest) => {
    const info = await transfers.inspect(transfer, digest);
    if (!info.ok) return info.error;
    response.writeHead(200, { ...objectHeaders(digest), "content-length": info.value.sizeBytes });
    response.end();
    return undefined;
  });

  const get = admitted(async (request, response, transfer, digest) => {
    const opened = await transfers.open(transfer, digest, singleHeader(request.headers.range));
    if (!opened.ok) return opened.error;
    await send(response, digest, opened.value, (unsent) => transfers.giveBack(transfer, unsent));
    return undefined;
  });

  const otherwise = async (request: HttpRequest, response: ServerResponse): Promise<void> =>
    sendProblem(response, refusal("METHOD_NOT_ALLOWED", { method: request.method ?? "" }), {
      status: 405,
      headers: { allow: "GET, HEAD, PUT", connection: "close" },
    });

  return [
    { method: "HEAD", path: objectsPath, handle: head },
    { method: "GET", path: objectsPath, handle: get },
    { method: "PUT", path: objectsPath, handle: put },
    { method: "POST", path: objectsPath, handle: otherwise },
    { method: "DELETE", path: objectsPath, handle: otherwise },
  ];
}

async function send(
  response: ServerResponse,
  digest: Digest,
  { sizeBytes, range, body }: OpenedObject,
  giveBack: (unsent: number) => Promise<void>,
): Promise<void> {
  const length = rangeLength(range, sizeBytes);
  const partial =
    range.kind === "part" ? { "content-range": `bytes ${range.first}-${range.last}/${sizeBytes}` } : {};
  response.writeHead(range.kind === "part" ? 206 : 200, {
    ...objectHeaders(digest),
    ...partial,
    "content-length": length,
  });
  let sent = 0;
  try {
    for await (const piece of body) {
      sent += piece.length;
      await written(response, piece);
    }
    response.end();
    await finished(response);
  } catch (error) {
    await giveBack(length - sent);
    if (error instanceof ClientGone || isClientGone(error)) return;
    response.destroy(); // the client must not take what came for all there is
    throw error;
  }
}

class ClientGone extends Error {}

/** Resolves when the response takes more. A piece's memory is given back as soon as it is sent (ADR 0083). */
async function written(response: ServerResponse, piece: Uint8Array): Promise<void> {
  if (response.destroyed) throw new ClientGone();
  if (response.write(piece, () => freeNow(piece))) return;
  const left = new AbortController();
  const { signal } = left;
  try {
    await Promise.race([once(response, "drain", { signal }), once(response, "close", { signal })]);
  } finally {
    left.abort();
  }
}

const objectHeaders = (digest: Digest): Record<string, string> => ({
  "content-type": "application/octet-stream",
  "accept-ranges": "bytes",
  "cache-control": "no-store",
  etag: etagOf(digest),
});

const etagOf = (digest: Digest): string => `"${digest.slice(2)}"`;

/** The path as it was sent: no decoding, no normalising. */
const pathOf = ({ url = "" }: HttpRequest): string => url.split("?", 1)[0] ?? "";

/** The announced length; undefined when there is none, it is no number, or the body comes in chunks of unknown sum. */
function contentLength({ headers }: HttpRequest): number | undefined {
  if (headers["transfer-encoding"] !== undefined) return undefined;
  const text = headers["content-length"];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

const singleHeader = (value: string | string[] | undefined): string | undefined =>
  typeof value === "string" ? value : undefined;

function rangeHeaders({ code, facts }: Refusal): Record<string, string> {
  return code === "RANGE_NOT_SATISFIABLE" ? { "content-range": `bytes */${facts.sizeBytes}` } : {};
}

const isClientGone = (error: unknown): boolean => {
  const code = (error as NodeJS.ErrnoException).code;
  return code === "ERR_STREAM_PREMATURE_CLOSE" || code === "ECONNRESET" || code === "EPIPE";
};
