import type { ServerResponse } from "node:http";
import { type Refusal, type RefusalClass, refusalClassOf } from "../../domain/refusal.ts";

/** How each class of refusal looks over HTTP. */
const statusOf = {
  invalid: 400,
  unauthenticated: 401,
  denied: 403,
  missing: 404,
  gone: 410,
  "too-large": 413,
  "length-required": 411,
  range: 416,
  mismatch: 422,
  conflict: 409,
  exhausted: 429,
  unavailable: 503,
} as const satisfies Record<RefusalClass, number>;

/** Answers with `application/problem+json` (RFC 9457): the code as title, the facts as members. */
export function sendProblem(
  response: ServerResponse,
  { code, facts }: Refusal,
  options: {
    readonly status?: number;
    readonly headers?: Record<string, string>;
    readonly bodyless?: boolean;
  } = {},
): void {
  const status = options.status ?? statusOf[refusalClassOf(code)];
  const body = JSON.stringify({ ...facts, type: "about:blank", title: code, status, code });
  const retryAfter = facts.retryAfterSeconds;
  response.writeHead(status, {
    "content-type": "application/problem+json",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
    ...options.headers,
  });
  response.end(options.bodyless === true ? undefined : body);
}
