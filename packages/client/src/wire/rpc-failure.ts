import { refusalCodes } from "@cos/protocol";
import { RpcFault, type StatusName } from "@cos/service-host/rpc-fault";
import { CosFailure, type FailureFacts, type FailureKind } from "../failure.ts";

const kinds: Partial<Record<StatusName, FailureKind>> = {
  INVALID_ARGUMENT: "usage",
  OUT_OF_RANGE: "usage",
  NOT_FOUND: "not-found",
  PERMISSION_DENIED: "refused",
  UNAUTHENTICATED: "refused",
  FAILED_PRECONDITION: "refused",
  ALREADY_EXISTS: "refused",
  ABORTED: "refused",
  RESOURCE_EXHAUSTED: "refused",
  UNAVAILABLE: "unavailable",
  DEADLINE_EXCEEDED: "unavailable",
  CANCELLED: "unavailable",
  DATA_LOSS: "integrity",
};

const clauseByCode: ReadonlyMap<string, number> = new Map(
  Object.values(refusalCodes).map(({ code, clause }) => [code as string, clause]),
);

/** Runs a call; a service's refusal becomes a failure in plain words. Other errors pass through. */
export async function orFail<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (cause) {
    throw rpcFailure(cause);
  }
}

/** What a service's answer means for the person who asked. */
export function rpcFailure(cause: unknown): unknown {
  if (!(cause instanceof RpcFault)) return cause;
  const facts = plainFacts(cause.facts);
  const kind = kinds[cause.status];
  if (kind === undefined) {
    return new CosFailure("unavailable", "SERVICE_FAULT", `a service failed (${cause.status})`, {
      facts,
      hint: "the platform's log says more; `cos doctor` shows where it is",
    });
  }
  if (kind === "unavailable" && cause.code === cause.status) {
    return new CosFailure("unavailable", "PLATFORM_UNREACHABLE", "the platform does not answer", {
      hint: "is it running? try `cos doctor`, or start one with `cos up`",
    });
  }
  const code = cause.code === "JOB_REFUSED" && typeof facts.reason === "string" ? facts.reason : cause.code;
  const clause = clauseByCode.get(code) ?? (typeof facts.clause === "number" ? facts.clause : 0);
  const said = cause.message === cause.code ? code : `${code} (${cause.message})`;
  return new CosFailure(kind, code, clause > 0 ? `refused by clause ${clause} of the grant: ${said}` : said, {
    facts,
    ...(clause > 0 ? { clause } : {}),
  });
}

function plainFacts(facts: Readonly<Record<string, unknown>>): FailureFacts {
  const plain: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(facts)) {
    plain[name] =
      typeof value === "string" || typeof value === "number" || typeof value === "boolean"
        ? value
        : JSON.stringify(value);
  }
  return plain;
}
