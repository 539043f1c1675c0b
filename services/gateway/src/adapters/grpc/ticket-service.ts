import { type IssueTicketRequest, TicketKind, TicketServiceService } from "@cos/proto/gateway";
import { asPermitId } from "@cos/protocol";
import { type GrpcService, type GrpcServiceOptions, grpcService } from "@cos/service-host";
import type { Dependencies } from "../../app/dependencies.ts";
import type { IssueTicket } from "../../app/issue-ticket.ts";
import type { RedeemTicket } from "../../app/redeem-ticket.ts";
import { revokeTicket } from "../../app/revoke-ticket.ts";
import type { Sessions } from "../../app/sessions.ts";
import { refusal } from "../../domain/refusal.ts";
import type { TicketSubject } from "../../domain/ticket.ts";
import { orRefuse } from "./or-refuse.ts";
import {
  readCaller,
  readCount,
  readDatasetId,
  readDigest,
  readGrantId,
  readSignature,
  readText,
} from "./read-fields.ts";
import { toRpcFault } from "./to-rpc-fault.ts";
import { toBytes } from "./wire.ts";

export type TicketUseCases = {
  readonly sessions: Sessions;
  readonly issue: IssueTicket;
  readonly redeem: RedeemTicket;
  readonly deps: Pick<Dependencies, "db" | "repositories" | "now">;
};

export const ticketService = (useCases: TicketUseCases, options: GrpcServiceOptions): GrpcService => {
  const { sessions, issue, redeem, deps } = useCases;
  return grpcService(
    TicketServiceService,
    {
      issueTicket: async (request, call) => {
        const caller = await readCaller(sessions, call);
        const { token, ticket } = await orRefuse(issue.issue(caller, readSubject(request)));
        const expiresAt = new Date(ticket.expiresAt * 1000);
        return { ticket: token, ticketId: toBytes(ticket.ticketId), expiresAt };
      },
      redeemTicket: async (request, call) => {
        const caller = await readCaller(sessions, call);
        const presented = {
          token: readText(request.ticket, "ticket", 4096),
          proof: readSignature(request.proof, "proof"),
          proofIssuedAt: readCount(request.proofIssuedAt, "proof_issued_at"),
        };
        const { expiresAt, maxBytes, ...rest } = await orRefuse(redeem.redeem(caller, presented));
        return { ...rest, expiresAt: new Date(expiresAt * 1000), maxBytes: BigInt(maxBytes) };
      },
      revokeTicket: async ({ ticketId }, call) => {
        const caller = await readCaller(sessions, call);
        await orRefuse(revokeTicket(deps, caller, readDigest(ticketId, "ticket_id")));
        return {};
      },
    },
    options,
  );
};

function readSubject(request: IssueTicketRequest): TicketSubject {
  switch (request.kind) {
    case TicketKind.TICKET_KIND_UPLOAD:
      return { kind: "UPLOAD", maxBytes: readCount(request.maxBytes, "max_bytes") };
    case TicketKind.TICKET_KIND_DATASET:
      return {
        kind: "DATASET",
        datasetId: readDatasetId(request.datasetId),
        version: request.version,
        grantId: readGrantId(request.grantId),
        sessionId: readDigest(request.sessionId, "session_id"),
        op: request.opMask,
        purposeHash: readDigest(request.purposeHash, "purpose_hash"),
      };
    case TicketKind.TICKET_KIND_OWN_DATASET:
      return {
        kind: "OWN_DATASET",
        datasetId: readDatasetId(request.datasetId),
        version: request.version,
      };
    case TicketKind.TICKET_KIND_RESULT:
      return { kind: "RESULT", permitId: asPermitId(readDigest(request.permitId, "permit_id")) };
    default:
      throw toRpcFault(refusal("INVALID_FIELD", { field: "kind" }));
  }
}
