import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Transfers } from "../src/objects/transfers.ts";
import type { Platform } from "../src/platform-file.ts";
import type { Services } from "../src/wire/services.ts";

/** One answer to a request for an object, which asks for its bytes from `first` on. */
export type Answer = (response: ServerResponse, first: number | undefined) => void;

/** An HTTP server that answers one request after the other as it is told, the last answer ever again. */
export async function serveObject(...answers: Answer[]) {
  /** What each request asked for: the first byte of its range; undefined for all. */
  const asked: (number | undefined)[] = [];
  const server: Server = createServer((request, response) => {
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "");
    const first = range === null ? undefined : Number(range[1]);
    const answer = answers[Math.min(asked.length, answers.length - 1)] as Answer;
    asked.push(first);
    answer(response, first);
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    transfer: transferOf(port),
    port,
    close: () => {
      server.closeAllConnections();
      return new Promise((closed) => server.close(closed));
    },
  };
}

export const transferOf = (port: number) => ({
  token: "token",
  baseUrl: `http://127.0.0.1:${port}`,
  ticketId: "ticket",
});

/** Transfers of a client that has redeemed its tickets: no service is called. */
export const transfersAlone = (): Transfers =>
  new Transfers({} as Services, { chain: { chainId: 1 } } as Platform);

/** The whole answer, or the part that was asked for. */
export const honest =
  (bytes: Uint8Array): Answer =>
  (response, first) => {
    const part = bytes.subarray(first ?? 0);
    response.writeHead(first === undefined ? 200 : 206, { "content-length": part.length }).end(part);
  };

/** As `honest`, but the connection is lost, or stands still, after so many bytes of the answer. */
export const cutShort =
  (bytes: Uint8Array, after: number, how: "lost" | "still" = "lost"): Answer =>
  (response, first) => {
    const part = bytes.subarray(first ?? 0);
    response.writeHead(first === undefined ? 200 : 206, { "content-length": part.length });
    response.write(part.subarray(0, after), () => {
      if (how === "lost") setImmediate(() => response.destroy());
    });
  };

/** Ignores ranges, as a server may. */
export const rangeless =
  (bytes: Uint8Array): Answer =>
  (response) =>
    void response.writeHead(200, { "content-length": bytes.length }).end(bytes);

/** Says nothing of the size. */
export const chunked =
  (bytes: Uint8Array): Answer =>
  (response) => {
    response.writeHead(200);
    response.write(bytes.subarray(0, 1_000));
    response.end(bytes.subarray(1_000));
  };
