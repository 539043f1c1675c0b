import type { HttpRoute } from "@cos/service-host";

/** `GET /healthz`: 200 while the gateway takes work, 503 before and after. */
export const healthRoute = (isServing: () => boolean): HttpRoute => ({
  method: "GET",
  path: "/healthz",
  handle: async (_request, response) => {
    const serving = isServing();
    response.writeHead(serving ? 200 : 503, {
      "content-type": "application/json",
      "cache-control": "no-store",
    });
    response.end(JSON.stringify({ status: serving ? "SERVING" : "NOT_SERVING" }));
  },
});
