import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";
import { RpcFault, toServiceError } from "../rpc-fault.ts";
import { identityOf, validAt } from "./identity-of.ts";
import { type Caller, whoMayCall } from "./who-may-call.ts";

/**
 * Refuses calls whose certificate does not name somebody who may make them. The certificate's dates are looked at for
 * each call: a connection may outlive it.
 */
export const checkedCallers =
  (now: () => number = Date.now): ServerInterceptor =>
  ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) =>
        next({
          onReceiveMetadata: (metadata, proceed) => {
            const allowed = whoMayCall(path);
            const refusal = allowed === "anyone" ? undefined : refusalOf(allowed, callerOf(call, now()));
            if (refusal === undefined) proceed(metadata);
            else call.sendStatus(statusOf(refusal));
          },
        }),
    });

function callerOf(call: Pick<ServerInterceptingCall, "getAuthContext">, now: number): Caller | undefined {
  const der = call.getAuthContext().sslPeerCertificate?.raw;
  const certificate = der === undefined ? undefined : validAt(der, now);
  return certificate && identityOf(certificate);
}

function refusalOf(allowed: readonly Caller[], caller: Caller | undefined): RpcFault | undefined {
  if (caller === undefined) return new RpcFault("UNAUTHENTICATED", "CALLER_UNKNOWN");
  return allowed.includes(caller)
    ? undefined
    : new RpcFault("PERMISSION_DENIED", "CALLER_NOT_ALLOWED", { caller });
}

function statusOf(fault: RpcFault) {
  const { code, details, metadata } = toServiceError(fault);
  return { code, details, metadata };
}
