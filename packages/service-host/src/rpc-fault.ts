import { status as grpcStatus, Metadata, type ServiceError } from "@grpc/grpc-js";

/** Names of the gRPC status codes. */
export type StatusName = keyof typeof grpcStatus;

/** Trailing metadata key of a refusal's stable code. */
export const errorCodeKey = "cos-error-code";
const factsKey = "cos-error-facts-bin";

/**
 * An expected refusal on its way over gRPC: a status, a stable code and the facts that prove it. The same class is thrown
 * by handlers and by the client that receives it, so that a code survives any number of hops.
 */
export class RpcFault extends Error {
  readonly status: StatusName;
  readonly code: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(
    status: StatusName,
    code: string,
    facts: Readonly<Record<string, unknown>> = {},
    message = code,
  ) {
    super(message);
    this.name = "RpcFault";
    this.status = status;
    this.code = code;
    this.facts = facts;
  }

  /** A fault from an error value; `statusOf` is the edge's one table, which the compiler keeps complete. */
  static of<C extends string>(
    error: { readonly code: C },
    statusOf: Readonly<Record<C, StatusName>>,
  ): RpcFault {
    const { code, ...facts } = error;
    return new RpcFault(statusOf[code], code, facts);
  }
}

/** The shape that grpc-js sends: numeric code, text, and the code and facts as trailing metadata. */
export function toServiceError(fault: RpcFault): {
  code: number;
  message: string;
  details: string;
  metadata: Metadata;
} {
  const metadata = new Metadata();
  metadata.set(errorCodeKey, fault.code);
  metadata.set(factsKey, Buffer.from(JSON.stringify(fault.facts, bigintAsText)));
  return { code: grpcStatus[fault.status], message: fault.message, details: fault.message, metadata };
}

/** Reads what `toServiceError` wrote; a foreign error keeps its status, and its status name is its code. */
export function fromServiceError(error: ServiceError): RpcFault {
  const status = (grpcStatus[error.code] ?? "UNKNOWN") as StatusName;
  const code = error.metadata?.get(errorCodeKey)[0];
  return new RpcFault(status, typeof code === "string" ? code : status, readFacts(error), error.details);
}

function readFacts(error: ServiceError): Record<string, unknown> {
  const bytes = error.metadata?.get(factsKey)[0];
  if (bytes === undefined) return {};
  try {
    return JSON.parse(bytes.toString()) as Record<string, unknown>;
  } catch {
    return {};
  }
}

const bigintAsText = (_key: string, value: unknown) => (typeof value === "bigint" ? value.toString() : value);
