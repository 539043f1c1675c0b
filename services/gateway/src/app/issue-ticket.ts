import { type Address, asDigest, assertNever, err, ok, type Result } from "@cos/protocol";
import type { Tx } from "@cos/store";
import { foldSession, sessionSubject } from "../domain/chain-facts.ts";
import { decideUpload } from "../domain/decide-issue.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";
import { type Ticket, type TicketSubject, ticketLifetimeSeconds } from "../domain/ticket.ts";
import type { Authority } from "./authorise.ts";
import type { Dependencies } from "./dependencies.ts";
import { inWaves } from "./in-waves.ts";

export type IssuedTicket = { readonly token: string; readonly ticket: Ticket };

type Deps = Pick<
  Dependencies,
  "db" | "repositories" | "tokens" | "limiter" | "random" | "logger" | "now" | "settings"
>;
type Issue = () => Promise<Result<Ticket, Refusal>>;

/**
 * Issues tickets. What can be asked of other services is asked first; what is counted (a session's tickets, an identity's
 * quota) is counted in the transaction that stores the ticket, so that two requests never share the last one.
 */
export class IssueTicket {
  readonly #deps: Deps;
  readonly #authority: Authority;
  readonly #storeSoon: (ticket: Ticket) => Promise<void>;
  constructor(deps: Deps, authority: Authority) {
    this.#deps = deps;
    this.#authority = authority;
    const { db, repositories } = deps;
    this.#storeSoon = inWaves((tickets: readonly Ticket[]) => repositories.tickets.insertAll(db, tickets));
  }

  /**
   * @param wish version 0 means the newest that the caller may have
   * @errors `RATE_LIMITED`, and for each kind those of `Authority` and of its rules in `decide-issue.ts`
   */
  async issue(caller: Address, wish: TicketSubject): Promise<Result<IssuedTicket, Refusal>> {
    const { tokens, limiter, logger } = this.#deps;
    const allowed = await limiter.take("ticket", caller);
    const prepared = allowed.ok ? await this.#prepare(caller, wish) : allowed;
    const stored = prepared.ok ? await prepared.value() : prepared;
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
    return this.#counted(async (tx) => {
      const usedBytes = sbtId === undefined ? 0 : await repositories.uploads.lockUsage(tx, sbtId, now());
      const quotaBytes = settings.uploadQuotaBytes;
      const decision = decideUpload({ sbtId, maxBytes: wish.maxBytes, usedBytes, quotaBytes });
      if (!decision.ok) return decision;
      const ticket = this.#ticket(caller, wish);
      await repositories.tickets.insert(tx, ticket, decision.value.sbtId);
      return ok(ticket);
    });
  }

  async #dataset(
    caller: Address,
    wish: Extract<TicketSubject, { kind: "DATASET" }>,
  ): Promise<Result<Issue, Refusal>> {
    const version = await this.#authority.dataset(caller, wish, "issue");
    if (!version.ok) return version;
    return this.#counted(async (tx) => {
      const { facts, tickets } = this.#deps.repositories;
      const session = foldSession(await facts.of(tx, sessionSubject(wish.sessionId)));
      const reserved = session?.reserved ?? 0;
      if (!(await tickets.countIssued(tx, wish.sessionId, reserved))) {
        return err(refusal("TICKETS_EXHAUSTED", { reserved }));
      }
      const ticket = this.#ticket(caller, { ...wish, version: version.value.version });
      await tickets.insert(tx, ticket);
      return ok(ticket);
    });
  }

  async #ownDataset(
    caller: Address,
    wish: Extract<TicketSubject, { kind: "OWN_DATASET" }>,
  ): Promise<Result<Issue, Refusal>> {
    const version = await this.#authority.ownDataset(caller, wish);
    if (!version.ok) return version;
    return this.#uncounted(caller, { ...wish, version: version.value.version });
  }

  async #result(
    caller: Address,
    wish: Extract<TicketSubject, { kind: "RESULT" }>,
  ): Promise<Result<Issue, Refusal>> {
    const view = await this.#authority.result(caller, wish);
    return view.ok ? this.#uncounted(caller, wish) : view;
  }

  #counted(issue: (tx: Tx) => Promise<Result<Ticket, Refusal>>): Result<Issue, Refusal> {
    return ok(() => this.#deps.db.inTransaction(issue));
  }

  /** Nothing but the ticket is written, in one statement with others that come at the same time. */
  #uncounted(holder: Address, subject: TicketSubject): Result<Issue, Refusal> {
    return ok(async () => {
      const ticket = this.#ticket(holder, subject);
      await this.#storeSoon(ticket);
      return ok(ticket);
    });
  }

  #ticket(holder: Address, subject: TicketSubject): Ticket {
    const { random, now, settings } = this.#deps;
    const issuedAt = now();
    return {
      ticketId: asDigest(`0x${Buffer.from(random.bytes(32)).toString("hex")}`),
      holder,
      audience: settings.publicUrl,
      issuedAt,
      expiresAt: issuedAt + ticketLifetimeSeconds,
      subject,
    };
  }
}
