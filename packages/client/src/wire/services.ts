import { AccessServiceService } from "@cos/proto/access";
import { JobServiceService, SessionServiceService, TicketServiceService } from "@cos/proto/gateway";
import { SettlementServiceService } from "@cos/proto/settlement";
import { createGrpcClient } from "@cos/service-host/grpc-client";
import { publicTlsWire } from "@cos/service-host/wire";
import type { Platform } from "../platform-file.ts";

/** Typed clients of the three edges that people may call. Connections open at the first call. */
export function connectServices({ services, tls }: Platform) {
  const options = { wire: tls && publicTlsWire(tls.ca) };
  const access = createGrpcClient(AccessServiceService, services.access, {}, options);
  const sessions = createGrpcClient(SessionServiceService, services.gateway, {}, options);
  const tickets = createGrpcClient(TicketServiceService, services.gateway, {}, options);
  const jobs = createGrpcClient(JobServiceService, services.gateway, {}, options);
  const settlement = createGrpcClient(SettlementServiceService, services.settlement, {}, options);
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
