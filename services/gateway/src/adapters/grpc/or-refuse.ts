import type { Result } from "@cos/protocol";
import type { Refusal } from "../../domain/refusal.ts";
import { toRpcError, toRpcFault } from "./to-rpc-fault.ts";

/** The value of a use case's answer; its refusal as a gRPC fault. */
export async function orRefuse<T>(answer: Promise<Result<T, Refusal>>): Promise<T> {
  const result = await orUnavailable(answer);
  if (!result.ok) throw toRpcFault(result.error);
  return result.value;
}

/** A service that cannot be reached as UNAVAILABLE; everything else passes. */
export async function orUnavailable<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw toRpcError(error);
  }
}
