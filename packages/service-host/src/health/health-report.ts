import { type ServiceError, status } from "@grpc/grpc-js";
import { service as healthService } from "grpc-health-check";
import type { Wire } from "../wire/wire.ts";
import { type Health, openHealthClient } from "./check-health.ts";

/** What a process tells of itself. */
export type HealthReport = {
  readonly health: Health;
  /**
   * What it says of things by name (`part/database`, `service/access`, `region/eu`): true for what is well, false for
   * what is not; what it has not looked at yet is left out.
   */
  readonly said: ReadonlyMap<string, boolean>;
  /** It took the call and gave no answer in time. */
  readonly late?: true;
  /** Milliseconds that its clock is surely ahead of this one's; negative: behind. Undefined where it does not tell. */
  readonly aheadMs?: number;
};

type Listed = { readonly statuses?: Readonly<Record<string, { readonly status: string }>> };

/**
 * Asks a process for everything that its standard health service lists. Never throws.
 *
 * @source grpc.health.v1, `List`
 */
export async function readHealthReport(
  address: string,
  timeoutMs = 5_000,
  wire?: Wire,
): Promise<HealthReport> {
  const { path, requestSerialize, responseDeserialize } = healthService.List as NonNullable<
    (typeof healthService)[string]
  >;
  const client = openHealthClient(address, wire);
  try {
    return await new Promise<HealthReport>((resolve) => {
      const began = Date.now();
      let date = "";
      const answered = (error: ServiceError | null, answer?: unknown) =>
        resolve(
          error === null
            ? reportOf(answer as Listed, aheadOf(Date.parse(date), began, Date.now()))
            : {
                health: "UNREACHABLE",
                said: new Map(),
                ...(error.code === status.DEADLINE_EXCEEDED ? { late: true } : {}),
              },
        );
      client
        .makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          {},
          { deadline: began + timeoutMs },
          answered,
        )
        .on("metadata", (metadata) => {
          date = metadata.get("date")[0]?.toString() ?? "";
        });
    });
  } finally {
    client.close();
  }
}

function reportOf({ statuses = {} }: Listed, aheadMs: number | undefined): HealthReport {
  const known = Object.entries(statuses).filter(
    ([name, one]) => name.includes("/") && one.status !== "UNKNOWN",
  );
  return {
    health: statuses[""]?.status === "SERVING" ? "SERVING" : "NOT_SERVING",
    said: new Map(known.map(([name, one]) => [name, one.status === "SERVING"])),
    ...(aheadMs === undefined ? {} : { aheadMs }),
  };
}

/** The header tells whole seconds, cut off, of some moment between question and answer; what that explains is not counted. */
function aheadOf(told: number, asked: number, answered: number): number | undefined {
  if (Number.isNaN(told)) return undefined;
  if (told > answered) return told - answered;
  return Math.min(0, told + 1_000 - asked);
}
