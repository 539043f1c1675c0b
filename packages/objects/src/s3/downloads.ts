import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import { agentUnder, type TlsMaterial } from "@cos/tls";
import type { ByteRange } from "../object-store.ts";

export type Download = { readonly headers: IncomingHttpHeaders; readonly body: Readable };

export type Downloads = {
  /** @returns undefined where the store answers with anything but the bytes asked for */
  open(url: string, range?: ByteRange): Promise<Download | undefined>;
  close(): void;
};

/**
 * Objects' bytes over undici, which hands out what came from the socket as it lies there. `node:http`, through which
 * MinIO's client reads, copies each piece; whoever passes bytes on then pays for two pieces of garbage instead of none
 * (ADR 0083).
 */
export function openDownloads(options: {
  readonly timeoutMs: number;
  readonly maxSockets: number;
  readonly tls?: TlsMaterial;
}): Downloads {
  const { timeoutMs, maxSockets, tls = {} } = options;
  const agent = agentUnder(tls, {
    connections: maxSockets,
    connectTimeout: timeoutMs,
    headersTimeout: timeoutMs,
    bodyTimeout: 0, // it is the reader who says how long it waits
  });
  return {
    open: async (url, range) => {
      const { origin, pathname, search } = new URL(url);
      const { statusCode, headers, body } = await agent.request({
        origin,
        path: `${pathname}${search}`,
        method: "GET",
        headers: range === undefined ? {} : { range: `bytes=${range.first}-${range.last}` },
      });
      if (statusCode === (range === undefined ? 200 : 206)) return { headers, body };
      await body.dump();
      return undefined;
    },
    close: () => void agent.destroy(),
  };
}
