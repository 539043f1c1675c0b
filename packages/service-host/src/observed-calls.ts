import type { Telemetry } from "@cos/telemetry";
import { contextOfTraceparent } from "@cos/telemetry";
import { status as grpcStatus, ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { type Context, context, ROOT_CONTEXT, type Span } from "@opentelemetry/api";
import { errorCodeKey } from "./rpc-fault.ts";

/**
 * Times every call and runs its handler in a span below the caller's. Calls of health and reflection are timed, and are
 * no spans. Calls of methods that do not exist are answered before they come here: their names become no label.
 *
 * @param trustCallers false at a public edge: a stranger's `traceparent` would let it write into any trace
 */
export function observedCalls(telemetry: Telemetry, trustCallers: boolean): ServerInterceptor {
  return ({ path }, call) => {
    const [, rpcService = "", method = ""] = path.split("/");
    const isOurs = !rpcService.startsWith("grpc.");
    const began = performance.now();
    let inside: Context = ROOT_CONTEXT;
    let span: Span | undefined;
    let isOver = false;
    const end = (status: number, code: string | undefined) => {
      if (isOver) return;
      isOver = true;
      const labels = { rpc_service: rpcService, method };
      const name = grpcStatus[status] ?? "UNKNOWN";
      const seconds = (performance.now() - began) / 1000;
      telemetry.metrics.observe("rpcServerSeconds", { ...labels, code: name }, seconds);
      if (status !== grpcStatus.OK) {
        telemetry.metrics.count("rpcRefusals", { ...labels, reason: code ?? name });
      }
      span?.setAttribute("rpc.grpc.status", name);
      if (code !== undefined) span?.setAttribute("cos.code", code);
      span?.end();
    };
    return new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            if (isOurs) {
              const given = trustCallers ? metadata.get("traceparent")[0] : undefined;
              const from = contextOfTraceparent(typeof given === "string" ? given : undefined);
              const attributes = { "rpc.system": "grpc", "rpc.service": rpcService, "rpc.method": method };
              ({ span, inside } = telemetry.startSpan(
                `${rpcService}/${method}`,
                { kind: "server", attributes },
                from,
              ));
            }
            context.with(inside, proceed, undefined, metadata);
          },
          onReceiveMessage: (message, proceed) => context.with(inside, proceed, undefined, message),
          onReceiveHalfClose: (proceed) => context.with(inside, proceed),
          onCancel: () => end(grpcStatus.CANCELLED, undefined),
        }),
      sendStatus: (status, proceed) => {
        const code = status.metadata?.get(errorCodeKey)[0];
        end(status.code, typeof code === "string" ? code : undefined);
        proceed(status);
      },
    });
  };
}
