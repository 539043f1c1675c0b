import type { Result } from "@cos/protocol";
import { refusalCodes } from "@cos/protocol";
import type { HttpRoute } from "@cos/service-host";
import { overriding, type Telemetry } from "@cos/telemetry";
import type { IssueTicket } from "../app/issue-ticket.ts";
import type { RateLimiter } from "../app/ports.ts";
import type { RedeemTicket } from "../app/redeem-ticket.ts";
import type { Refusal } from "../domain/refusal.ts";

const clauses: ReadonlyMap<string, number> = new Map(
  Object.values(refusalCodes).map(({ code, clause }) => [code, clause]),
);

/** The grant's clause that a refusal rests on; `none` where another rule of the gateway refused. */
export const clauseOf = (code: string): string => String(clauses.get(code) ?? "none");

/** Counts tickets issued by kind, and refusals by clause. */
export const countedIssue = (telemetry: Telemetry, issue: IssueTicket): IssueTicket =>
  overriding(issue, {
    issue: async (caller, wish) => {
      const answer = await issue.issue(caller, wish);
      if (answer.ok) telemetry.metrics.count("ticketsIssued", { kind: wish.kind });
      else countRefusal(telemetry, "issue", answer);
      return answer;
    },
  });

/** Counts tickets redeemed, and refusals by clause. */
export const countedRedeem = (telemetry: Telemetry, redeem: RedeemTicket): RedeemTicket =>
  overriding(redeem, {
    redeem: async (caller, presented) => {
      const answer = await redeem.redeem(caller, presented);
      if (answer.ok) telemetry.metrics.count("ticketsRedeemed", {});
      else countRefusal(telemetry, "redeem", answer);
      return answer;
    },
  });

function countRefusal({ metrics }: Telemetry, step: string, { error }: { error: Refusal }): void {
  metrics.count("ticketsRefused", { step, clause: clauseOf(error.code), reason: error.code });
}

/** Counts requests refused for their rate. */
export const countedLimiter = ({ metrics }: Telemetry, limiter: RateLimiter): RateLimiter => ({
  take: async (kind, key): Promise<Result<undefined, Refusal>> => {
    const answer = await limiter.take(kind, key);
    if (!answer.ok) metrics.count("rateLimited", { limit: kind });
    return answer;
  },
});

/** Counts object bytes that came in and went out, those of broken transfers included. */
export const countedBytes = ({ metrics }: Telemetry, routes: readonly HttpRoute[]): HttpRoute[] =>
  routes.map((route) => ({
    ...route,
    handle: (request, response) => {
      const { socket } = request;
      const [readBefore, writtenBefore] = [socket.bytesRead, socket.bytesWritten];
      response.once("close", () => {
        if (route.method === "PUT") {
          const announced = Number(request.headers["content-length"] ?? 0);
          const stored = response.statusCode === 201 ? announced : socket.bytesRead - readBefore;
          metrics.count("gatewayBytes", { direction: "in" }, stored);
        } else if (route.method === "GET" && response.statusCode < 300) {
          const whole = Number(response.getHeader("content-length") ?? 0);
          const sent = response.writableFinished ? whole : socket.bytesWritten - writtenBefore;
          metrics.count("gatewayBytes", { direction: "out" }, sent);
        }
      });
      return route.handle(request, response);
    },
  }));
