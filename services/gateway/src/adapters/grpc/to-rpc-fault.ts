import { RpcFault, type StatusName } from "@cos/service-host";
import { ServiceUnavailable } from "../../app/ports.ts";
import { type Refusal, type RefusalClass, refusalClassOf } from "../../domain/refusal.ts";

/** How each class of refusal looks over gRPC; HTTP's own classes are here for the compiler's sake. */
const statusOf = {
  invalid: "INVALID_ARGUMENT",
  unauthenticated: "UNAUTHENTICATED",
  denied: "PERMISSION_DENIED",
  missing: "NOT_FOUND",
  gone: "NOT_FOUND",
  "too-large": "RESOURCE_EXHAUSTED",
  "length-required": "INVALID_ARGUMENT",
  range: "OUT_OF_RANGE",
  mismatch: "INVALID_ARGUMENT",
  conflict: "FAILED_PRECONDITION",
  exhausted: "RESOURCE_EXHAUSTED",
  unavailable: "UNAVAILABLE",
} as const satisfies Record<RefusalClass, StatusName>;

export const toRpcFault = ({ code, facts }: Refusal): RpcFault =>
  new RpcFault(statusOf[refusalClassOf(code)], code, facts);

/** What a throw means to the caller: a service that cannot be reached is UNAVAILABLE, anything else stays a bug. */
export const toRpcError = (error: unknown): unknown =>
  error instanceof ServiceUnavailable
    ? new RpcFault("UNAVAILABLE", "UNAVAILABLE", { service: error.service })
    : error;
