import { type Address, asDigest, assertNever, err, ok, type Result } from "@cos/protocol";
import type { Tx } from "@cos/store";
import { foldSession, sessionSubject } from "../domain/chain-facts.ts";
import { decideUpload } from "../domain/decide-issue.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";
import { type Ticket, type TicketSubject, ticketLifetimeSeconds } from "../domain/ticket.ts";
import type { Authority } from "./authorise.ts";
import type { Dependencies } from "./dependencies.ts";

export type IssuedTicket = { readonly token: string; readonly ticket: Ticket };

type Deps = Pick<
  Dependencies,
  "db" | "repositories" | "tokens" | "limiter" | "random" | "logger" | "now" | "settings"
>;
type Issue = (tx: Tx) => Promise<Result<Ticket, Refusal>>;

/**
 * Issues tickets. What can be asked of other services is asked first; what is counted (a session's tickets, an identity's
 * quota) is counted in the transaction that stores the ticket, so that two requests never share the last one.
 */
export class IssueTicket {
  readonly #deps: Deps;
  readonly #authority: Authority;
  constructor(deps: Deps, authority: Authority) {
    this.#deps = deps;
    this.#authority = authority;
  }

  /**
   * @param wish version 0 means the newest that the caller may have
   * @errors `RATE_LIMITED`, and for each kind those of `Authority` and of its rules in `decide-issue.ts`
   */
  async issue(caller: Address, wish: TicketSubject): Promise<Result<IssuedTicket, Refusal>> {
    const { db, tokens, limiter, logger } = this.#deps;
    const allowed = await limiter.take("ticket", caller);
    const prepared = allowed.ok ? await this.#prepare(caller, wish) : allowed;
    const stored = prepared.ok ? await db.inTransaction(prepared.value) : prepared;
    if (!stored.ok) {
      logger.info("ticket.refused", { address: caller, code: stored.error.code });
      return stored;
    }
    logger.info("ticket.issued", { address: caller, ticketId: stored.value.ticketId, state: wish.kind });
    return ok({ token: await tokens.signTicket(stored.value), ticket: stored.value });
  }

  #prepare(caller: Address, wish: TicketSubject): Promise<Result<Issue, Refusal>> {
    switch (wish.kind) {
      case "UPLOAD":
        return this.#upload(caller, wish);
      case "DATASET":
        return this.#dataset(caller, wish);
      case "OWN_DATASET":
        return this.#ownDataset(caller, wish);
      case "RESULT":
        return this.#result(caller, wish);
      default:
        return assertNever(wish);
    }
  }

  async #upload(
    caller: Address,
    wish: Extract<TicketSubject, { kind: "UPLOAD" }>,
  ): Promise<Result<Issue, Refusal>> {
    const { repositories, settings, now } = this.#deps;
    const sbtId = await this.#authority.identityOf(caller);
    return ok(async (tx) => {
      const usedBytes = sbtId === undefined ? 0 : await repositories.uploads.lockUsage(tx, sbtId, now());
      const quotaBytes = settings.uploadQuotaBytes;
      const decision = decideUpload({ sbtId, maxBytes: wish.maxBytes, usedBytes, quotaBytes });
      return decision.ok ? this.#store(tx, caller, wish, decision.value.sbtId) : decision;
    });
  }

  async #dataset(
    caller: Address,
    wish: Extract<TicketSubject, { kind: "DATASET" }>,
  ): Promise<Result<Issue, Refusal>> {
    const version = await this.#authority.dataset(caller, wish, "issue");
    if (!version.ok) return version;
    return ok(async (tx) => {
      const { facts, tickets } = this.#deps.repositories;
      const session = foldSession(await facts.of(tx, sessionSubject(wish.sessionId)));
      const reserved = session?.reserved ?? 0;
      if (!(await tickets.countIssued(tx, wish.sessionId, reserved))) {
        return err(refusal("TICKETS_EXHAUSTED", { reserved }));
      }
      return this.#store(tx, caller, { ...wish, version: version.value.version });
    });
  }

  async #ownDataset(
    caller: Address,
    wish: Extract<TicketSubject, { kind: "OWN_DATASET" }>,
  ): Promise<Result<Issue, Refusal>> {
    const version = await this.#authority.ownDataset(caller, wish);
    if (!version.ok) return version;
    return ok((tx) => this.#store(tx, caller, { ...wish, version: version.value.version }));
  }

  async #result(
    caller: Address,
    wish: Extract<TicketSubject, { kind: "RESULT" }>,
  ): Promise<Result<Issue, Refusal>> {
    const view = await this.#authority.result(caller, wish);
    return view.ok ? ok((tx) => this.#store(tx, caller, wish)) : view;
  }

  async #store(
    tx: Tx,
    holder: Address,
    subject: TicketSubject,
    sbtId?: string,
  ): Promise<Result<Ticket, Refusal>> {
    const { repositories, random, now, settings } = this.#deps;
    const issuedAt = now();
    const ticket: Ticket = {
      ticketId: asDigest(`0x${Buffer.from(random.bytes(32)).toString("hex")}`),
      holder,
      audience: settings.publicUrl,
      issuedAt,
      expiresAt: issuedAt + ticketLifetimeSeconds,
      subject,
    };
    await repositories.tickets.insert(tx, ticket, sbtId);
    return ok(ticket);
  }
}
