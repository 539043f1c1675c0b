import { timingSafeEqual } from "node:crypto";
import type { CallContext } from "./grpc-types.ts";
import { RpcFault } from "./rpc-fault.ts";

/** Metadata key under which internal calls carry the deployment's service token. */
export const serviceTokenKey = "cos-service-token";

/** A guard for internal services: refuses calls whose token differs, in constant time. */
export function requireServiceToken(expected: string): (call: CallContext) => void {
  const wanted = Buffer.from(expected);
  return ({ metadata }) => {
    const given = Buffer.from(String(metadata.get(serviceTokenKey)[0] ?? ""));
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      throw new RpcFault("UNAUTHENTICATED", "BAD_SERVICE_TOKEN");
    }
  };
}
