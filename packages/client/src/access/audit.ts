import type { ChainEvent } from "@cos/proto/chain";
import type { CosClient } from "../cos-client.ts";
import { toBytes, toHex } from "../wire/hex.ts";
import { orFail } from "../wire/rpc-failure.ts";

export type AuditEvent = {
  readonly blockNumber: number;
  /** Unix seconds. */
  readonly blockTime: number;
  readonly transaction: string;
  readonly logIndex: number;
  readonly contract: string;
  /** Name of the event, as the wire has it: `AccessGranted`, `JobPermitIssued`, … */
  readonly event: string;
  /** Its fields; bytes as hex. */
  readonly fields: Readonly<Record<string, unknown>>;
};

export type AuditScope = {
  readonly datasetId?: string;
  readonly grantId?: string;
  readonly permitId?: string;
};

/** The audit trail of a dataset, a grant or a permit, in block order. */
export async function readAudit(client: CosClient, scope: AuditScope): Promise<AuditEvent[]> {
  const answer = await orFail(
    client.services.access.listAuditEvents({
      datasetId: scope.datasetId ?? "",
      permitId: scope.permitId === undefined ? Buffer.alloc(0) : toBytes(scope.permitId),
      grantId: scope.grantId ?? "",
    }),
  );
  return answer.events.map(toAuditEvent);
}

function toAuditEvent(event: ChainEvent): AuditEvent {
  const kind = event.event?.$case ?? "unknown";
  return {
    blockNumber: Number(event.blockNumber),
    blockTime: Number(event.blockTime),
    transaction: toHex(event.transactionHash),
    logIndex: event.logIndex,
    contract: event.contract,
    event: kind.charAt(0).toUpperCase() + kind.slice(1),
    fields: plain(event.event?.value ?? {}) as Record<string, unknown>,
  };
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === "bigint") return value.toString();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]));
}
