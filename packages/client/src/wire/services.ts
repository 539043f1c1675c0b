import { AccessServiceService } from "@cos/proto/access";
import { JobServiceService, SessionServiceService, TicketServiceService } from "@cos/proto/gateway";
import { SettlementServiceService } from "@cos/proto/settlement";
import { createGrpcClient } from "@cos/service-host/grpc-client";
import type { Platform } from "../platform-file.ts";

/** Typed clients of the three edges that people may call. Connections open at the first call. */
export function connectServices({ services }: Platform) {
  const access = createGrpcClient(AccessServiceService, services.access);
  const sessions = createGrpcClient(SessionServiceService, services.gateway);
  const tickets = createGrpcClient(TicketServiceService, services.gateway);
  const jobs = createGrpcClient(JobServiceService, services.gateway);
  const settlement = createGrpcClient(SettlementServiceService, services.settlement);
  return {
    access,
    sessions,
    tickets,
    jobs,
    settlement,
    close: () => {
      for (const client of [access, sessions, tickets, jobs, settlement]) client.close();
    },
  };
}
export type Services = ReturnType<typeof connectServices>;
