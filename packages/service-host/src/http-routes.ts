import "reflect-metadata";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Controller, Req, RequestMapping, RequestMethod, Res, type Type } from "@nestjs/common";

/** One HTTP route; the handler streams the raw request and response itself and never throws for a refusal. */
export interface HttpRoute {
  readonly method: "GET" | "HEAD" | "PUT" | "POST" | "DELETE";
  /** Express syntax, such as `/v1/objects/:digest`. */
  readonly path: string;
  readonly handle: (request: HttpRequest, response: ServerResponse) => Promise<void>;
}

export type HttpRequest = IncomingMessage & { readonly params: Readonly<Record<string, string>> };

/** Makes a Nest controller from plain routes. Bodies are not parsed: large ones are streamed by the handlers. */
export function httpController(
  routes: readonly HttpRoute[],
  onBug?: (route: string, error: unknown) => void,
): Type {
  class HttpController {}
  routes.forEach((route, index) => {
    const name = `route${index}`;
    const value = async (request: HttpRequest, response: ServerResponse) => {
      try {
        await route.handle(request, response);
      } catch (error) {
        onBug?.(`${route.method} ${route.path}`, error);
        if (!response.headersSent) response.writeHead(500, { "content-type": "application/problem+json" });
        if (!response.writableEnded)
          response.end(response.headersSent ? undefined : '{"title":"INTERNAL","status":500}');
      }
    };
    const descriptor = { value, writable: true, configurable: true, enumerable: false };
    Object.defineProperty(HttpController.prototype, name, descriptor);
    Req()(HttpController.prototype, name, 0);
    Res()(HttpController.prototype, name, 1);
    RequestMapping({ path: route.path, method: RequestMethod[route.method] })(
      HttpController.prototype,
      name,
      descriptor,
    );
  });
  Controller()(HttpController);
  return HttpController;
}
