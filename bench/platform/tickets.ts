import { IssueTicketRequest, TicketKind, TicketServiceService } from "@cos/proto/gateway";
import { type Digest, signTicketRedemption } from "@cos/protocol";
import { createGrpcClient, type GrpcClient } from "@cos/service-host";
import { startPeer } from "./peer.ts";
import type { Report } from "./report.ts";
import type { Stage } from "./stage.ts";

type Tickets = GrpcClient<typeof TicketServiceService>;
type Call = { metadata: { authorization: string } };
type Issued = { readonly ticket: string; readonly ticketId: Digest };
type Proved = { readonly ticket: string; readonly proof: Buffer; readonly proofIssuedAt: bigint };

const connections = 4;
const inFlightEach = 24;
const batchSize = 500;

/**
 * Tickets for one's own dataset, issued and redeemed over several connections. The ceiling is a server of the same gRPC
 * stack, asked by the same client, that checks and makes the same signatures and does nothing else.
 */
export async function benchTickets(
  stage: Stage,
  report: Report,
  { count }: { count: number },
): Promise<void> {
  const { hospital, scene, datasetId } = stage;
  const call = await hospital.client.session(hospital.account).metadata();
  const wish = IssueTicketRequest.fromPartial({ kind: TicketKind.TICKET_KIND_OWN_DATASET, datasetId });
  const { services, chain } = scene.platform.platform;

  const ceiling = await startPeer("empty-gateway.ts");
  const empty = connect(ceiling.address);
  await issueMany(empty, call, wish, Math.ceil(count / 10));
  const issueCeiling = (await issueMany(empty, call, wish, count)).perSecond;

  const clients = connect(services.gateway);
  await issueMany(clients, call, wish, Math.ceil(count / 10));
  const issuing = await issueMany(clients, call, wish, count);
  report.add({
    what: "tickets issued",
    value: issuing.perSecond,
    unit: "1/s",
    against: "the same gRPC server with the signatures alone",
    ceiling: issueCeiling,
    aim: "> 1500",
  });

  const prove = async ({ ticket, ticketId }: Issued): Promise<Proved> => {
    const issuedAt = Math.floor(Date.now() / 1000);
    const about = { ticketId, audience: audienceOf(ticket), issuedAt };
    const proof = await signTicketRedemption(hospital.account.wallet, BigInt(chain.chainId), about);
    return { ticket, proof: Buffer.from(proof.slice(2), "hex"), proofIssuedAt: BigInt(issuedAt) };
  };
  // A proof lives for a minute: they are made a batch at a time, and only redeeming them is timed.
  const times = { gateway: 0, ceiling: 0 };
  const redeemed = issuing.tickets.slice(0, Math.ceil(count / 3));
  for (let first = 0; first < redeemed.length; first += batchSize) {
    const proved = await Promise.all(redeemed.slice(first, first + batchSize).map(prove));
    times.ceiling += await redeemMany(empty, call, proved);
    times.gateway += await redeemMany(clients, call, proved);
  }
  report.add({
    what: "tickets redeemed",
    value: redeemed.length / times.gateway,
    unit: "1/s",
    against: "the same gRPC server with the signatures alone",
    ceiling: redeemed.length / times.ceiling,
  });
  for (const client of [...empty, ...clients]) client.close();
  await ceiling.stop();
}

const connect = (address: string): Tickets[] =>
  Array.from({ length: connections }, () =>
    createGrpcClient(TicketServiceService, address, {}, { "grpc.use_local_subchannel_pool": 1 }),
  );

async function issueMany(
  clients: readonly Tickets[],
  call: Call,
  wish: IssueTicketRequest,
  count: number,
): Promise<{ tickets: Issued[]; perSecond: number }> {
  const tickets: Issued[] = [];
  const seconds = await together(clients, Array.from({ length: count }), async (client) => {
    const { ticket, ticketId } = await client.issueTicket(wish, call);
    tickets.push({ ticket, ticketId: `0x${Buffer.from(ticketId).toString("hex")}` as Digest });
  });
  return { tickets, perSecond: count / seconds };
}

const redeemMany = (clients: readonly Tickets[], call: Call, proved: readonly Proved[]): Promise<number> =>
  together(clients, proved, async (client, one) => void (await client.redeemTicket(one, call)));

/** @returns seconds for all of them, with `inFlightEach` of them always under way on each connection */
async function together<T>(
  clients: readonly Tickets[],
  items: readonly T[],
  work: (client: Tickets, item: T) => Promise<void>,
): Promise<number> {
  const queue = items[Symbol.iterator]();
  const lane = async (client: Tickets): Promise<void> => {
    for (const item of queue) await work(client, item);
  };
  const began = performance.now();
  await Promise.all(clients.flatMap((client) => Array.from({ length: inFlightEach }, () => lane(client))));
  return (performance.now() - began) / 1_000;
}

const audienceOf = (ticket: string): string =>
  (JSON.parse(Buffer.from(ticket.split(".")[1] ?? "", "base64url").toString()) as { aud: string }).aud;
