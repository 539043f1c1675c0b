import type { HttpRoute } from "@cos/service-host";
import type { JWK } from "jose";

/** How long anybody may keep the answer. */
export const jwksMaxAgeSeconds = 300;

/** `GET /.well-known/jwks.json`: the public keys under which sessions and tickets are signed. */
export const jwksRoute = (keys: () => readonly JWK[]): HttpRoute => ({
  method: "GET",
  path: "/.well-known/jwks.json",
  handle: async (_request, response) => {
    response.writeHead(200, {
      "content-type": "application/jwk-set+json",
      "cache-control": `max-age=${jwksMaxAgeSeconds}`,
    });
    response.end(JSON.stringify({ keys: keys() }));
  },
});
