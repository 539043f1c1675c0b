import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { MetricSet } from "./metric-set.ts";

export interface MetricsServer {
  /** `http://host:port`. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Serves `/metrics` (Prometheus text), `/healthz` (200 while the process answers) and `/readyz` (200 while the service
 * takes work, 503 otherwise, then a line for each thing that the service needs) on a port of its own, which a deployment need
 * not show to anyone else. A need that does not answer makes nothing unready: it is missing to every replica alike.
 *
 * @param options.port 0 picks a free one
 */
export async function startMetricsServer(
  metrics: MetricSet,
  options: {
    readonly host: string;
    readonly port: number;
    readonly isServing: () => boolean;
    /** By name, whether it answered when it was looked at last. */
    readonly needs?: () => ReadonlyMap<string, boolean>;
  },
): Promise<MetricsServer> {
  const server = createServer(async (request, response) => {
    const end = (status: number, body: string, type = "text/plain; charset=utf-8") =>
      response.writeHead(status, { "content-type": type, "cache-control": "no-store" }).end(body);
    if (request.method !== "GET" && request.method !== "HEAD") return void end(405, "");
    switch (request.url?.split("?")[0]) {
      case "/metrics":
        try {
          return void end(200, await metrics.text(), metrics.contentType);
        } catch {
          return void end(500, "");
        }
      case "/healthz":
        return void end(200, "ok\n");
      case "/readyz":
        return void end(...readiness(options.isServing(), options.needs?.() ?? new Map()));
      default:
        return void end(404, "");
    }
  });
  server.requestTimeout = 10_000;
  server.maxConnections = 64;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${options.host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function readiness(isServing: boolean, needs: ReadonlyMap<string, boolean>): [number, string] {
  const lines = [...needs].map(([name, isThere]) => `${name} ${isThere ? "answers" : "does not answer"}`);
  return [isServing ? 200 : 503, [isServing ? "ready" : "not ready", ...lines, ""].join("\n")];
}
