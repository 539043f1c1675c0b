import type { Telemetry } from "@cos/telemetry";
import { context, ROOT_CONTEXT } from "@opentelemetry/api";
import type { HttpRoute } from "./http-routes.ts";

/** Times HTTP requests to their last byte, and runs each handler in a span. Paths stay out: they name objects. */
export const observedRoutes = (telemetry: Telemetry, routes: readonly HttpRoute[]): HttpRoute[] =>
  routes.map((route) => ({
    ...route,
    handle: (request, response) => {
      const began = performance.now();
      const { method, path } = route;
      const { span, inside } = telemetry.startSpan(`${method} ${path}`, { kind: "server" }, ROOT_CONTEXT);
      response.once("close", () => {
        const status = response.writableFinished ? String(response.statusCode) : "aborted";
        const seconds = (performance.now() - began) / 1000;
        telemetry.metrics.observe("httpServerSeconds", { method, route: path, status }, seconds);
        span.setAttribute("cos.outcome", status);
        span.end();
      });
      return context.with(inside, () => route.handle(request, response));
    },
  }));
