import { toMessage } from "@cos/messaging";
import {
  type Address,
  assertNever,
  digestOfBytes,
  err,
  type ObjectRef,
  Op,
  ok,
  type Result,
  ticketRedemptionHash,
} from "@cos/protocol";
import { appendOutbox, type Tx } from "@cos/store";
import { ticketEvents } from "@cos/topics";
import { decideRedemption } from "../domain/decide-redemption.ts";
import { manifestObjects, sizesByDigest } from "../domain/manifest-objects.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { Ticket } from "../domain/ticket.ts";
import type { Authority } from "./authorise.ts";
import type { Dependencies } from "./dependencies.ts";
import { loadBundle, loadManifest } from "./load-manifest.ts";
import { ServiceUnavailable } from "./ports.ts";
import type { Transfer, TransferScope } from "./repositories.ts";

export type Presented = {
  readonly token: string;
  /** The holder's signature over `TicketRedemption`, hex. */
  readonly proof: string;
  /** Unix seconds that the proof names. */
  readonly proofIssuedAt: number;
};
export type StartedTransfer = {
  readonly transferToken: string;
  readonly baseUrl: string;
  readonly expiresAt: number;
  readonly maxBytes: number;
};

type Deps = Omit<Dependencies, "signInMessages">;
/** A version's manifest and the bytes of all that it names for one audience. */
type Contents = { readonly object: ObjectRef; readonly bytes: number };
const maxContents = 10_000;

type Purchase = { readonly scope: TransferScope; readonly bytes: number };

/**
 * Redeems tickets: once each, by their holder, within 900 s, and only while what they stand for still holds. The
 * redemption row, the transfer and the outgoing event commit together.
 */
export class RedeemTicket {
  readonly #deps: Deps;
  readonly #authority: Authority;
  readonly #contents = new Map<string, Contents>();
  constructor(deps: Deps, authority: Authority) {
    this.#deps = deps;
    this.#authority = authority;
  }

  /** @errors `TICKET_INVALID`, those of `decideRedemption`, and whatever refuses by now, such as `GRANT_REVOKED` */
  async redeem(caller: Address, presented: Presented): Promise<Result<StartedTransfer, Refusal>> {
    const { logger, limiter } = this.#deps;
    const allowed = await limiter.take("ticket", caller);
    const ticket = allowed.ok ? await this.#accept(caller, presented) : allowed;
    const started = ticket.ok ? await this.#buy(caller, ticket.value) : ticket;
    if (!started.ok) logger.info("ticket.refused", { address: caller, code: started.error.code });
    else if (ticket.ok) logger.info("ticket.redeemed", { address: caller, ticketId: ticket.value.ticketId });
    return started;
  }

  /** Asks and writes down; again if anything was closed in between, because what was asked may be gone. */
  async #buy(caller: Address, ticket: Ticket): Promise<Result<StartedTransfer, Refusal>> {
    const { db, repositories } = this.#deps;
    for (let attempt = 1; attempt <= 10; attempt += 1) {
      const closings = await repositories.transfers.closings(db);
      const purchase = await this.#purchase(caller, ticket);
      if (!purchase.ok) return purchase;
      const started = await this.#start(ticket, purchase.value, closings);
      if (started !== undefined) return started;
    }
    throw new ServiceUnavailable("gateway");
  }

  async #accept(caller: Address, presented: Presented): Promise<Result<Ticket, Refusal>> {
    const { db, repositories, tokens, signatures, now, settings } = this.#deps;
    const ticket = await tokens.readTicket(presented.token);
    const stored = ticket && (await repositories.tickets.find(db, ticket.ticketId));
    if (ticket === undefined || stored === undefined) return err(refusal("TICKET_INVALID"));
    const { proof, proofIssuedAt } = presented;
    const { ticketId, holder } = ticket;
    const hash = ticketRedemptionHash(settings.chainId, {
      ticketId,
      audience: settings.publicUrl,
      issuedAt: proofIssuedAt,
    });
    return decideRedemption(
      {
        ticket,
        audience: settings.publicUrl,
        caller,
        holderProved: await signatures.verifyHash(holder, hash, proof),
        proofIssuedAt,
        revoked: stored.revoked,
        redeemed: stored.redeemed,
      },
      now(),
    );
  }

  /** Asks again whether the holder may, and works out what the transfer covers. */
  async #purchase(caller: Address, { subject }: Ticket): Promise<Result<Purchase, Refusal>> {
    switch (subject.kind) {
      case "UPLOAD": {
        const identity = await this.#authority.upload(caller);
        if (!identity.ok) return identity;
        return ok({ scope: { kind: "upload", sbtId: identity.value.sbtId }, bytes: subject.maxBytes });
      }
      case "DATASET": {
        const version = await this.#authority.dataset(caller, subject, "redeem");
        return version.ok ? this.#version(version.value, subject, "grantee", subject.grantId) : version;
      }
      case "OWN_DATASET": {
        const version = await this.#authority.ownDataset(caller, subject);
        return version.ok ? this.#version(version.value, subject, "owner", null) : version;
      }
      case "RESULT": {
        const view = await this.#authority.result(caller, subject);
        if (!view.ok) return view;
        const loaded = await loadBundle(this.#deps.objects, view.value.resultUri, subject.permitId);
        if (!loaded.ok) return loaded;
        const entries = view.value.ciphertexts ? loaded.value.bundle.entries : null;
        const bundle = loaded.value.object;
        const bytes = (bundle.sizeBytes + (entries?.sizeBytes ?? 0)) * this.#deps.settings.readBudgetFactor;
        return ok({ scope: { kind: "result", permitId: subject.permitId, bundle, entries }, bytes });
      }
      default:
        return assertNever(subject);
    }
  }

  async #version(
    version: Parameters<typeof loadManifest>[1] & { readonly version: number },
    { datasetId }: { readonly datasetId: string },
    audience: "owner" | "grantee",
    grantId: string | null,
  ): Promise<Result<Purchase, Refusal>> {
    const contents = await this.#contentsOf(version, audience);
    if (!contents.ok) return contents;
    const { object, bytes } = contents.value;
    const scope = {
      kind: "version",
      audience,
      datasetId,
      version: version.version,
      grantId,
      manifest: object,
    } as const;
    return ok({ scope, bytes: bytes * this.#deps.settings.readBudgetFactor });
  }

  /**
   * What a version's tickets cover, checked against the chain's commitment. That takes a manifest's whole length to work
   * out and never changes, so it is remembered; a version that is withdrawn is refused before it comes to this.
   */
  async #contentsOf(
    version: Parameters<typeof loadManifest>[1],
    audience: "owner" | "grantee",
  ): Promise<Result<Contents, Refusal>> {
    const key = `${audience} ${version.manifestCommitment} ${version.manifestUri}`;
    const known = this.#contents.get(key);
    if (known !== undefined) return ok(known);
    const loaded = await loadManifest(this.#deps.objects, version);
    if (!loaded.ok) return loaded;
    const { manifest, object } = loaded.value;
    let bytes = 0;
    for (const sizeBytes of sizesByDigest(manifestObjects(manifest, object, audience)).values())
      bytes += sizeBytes;
    const contents = { object, bytes };
    if (this.#contents.size >= maxContents) this.#contents.delete(this.#contents.keys().next().value ?? "");
    this.#contents.set(key, contents);
    return ok(contents);
  }

  /** @returns undefined when transfers were closed since `closings` was read: nothing is written down */
  async #start(
    ticket: Ticket,
    { scope, bytes }: Purchase,
    closings: bigint,
  ): Promise<Result<StartedTransfer, Refusal> | undefined> {
    const { db, repositories, random, now, settings } = this.#deps;
    const transferToken = Buffer.from(random.bytes(32)).toString("base64url");
    const at = now();
    const transfer: Transfer = {
      tokenHash: digestOfBytes(Buffer.from(transferToken)),
      ticketId: ticket.ticketId,
      holder: ticket.holder,
      scope,
      bytesLeft: bytes,
      expiresAt: at + settings.transferSeconds,
    };
    const outcome = await db.inTransaction(async (tx) => {
      if ((await repositories.transfers.holdClosings(tx)) !== closings) return "closed";
      const redeemed = await repositories.tickets.redeem(tx, ticket.ticketId, at);
      if (redeemed !== "redeemed") return redeemed;
      await repositories.transfers.insert(tx, transfer);
      await publishRedemption(tx, ticket, at);
      return redeemed;
    });
    const { ticketId } = ticket;
    if (outcome === "closed") return undefined;
    if (outcome === "replayed") return err(refusal("TICKET_REPLAYED", { ticketId }));
    if (outcome === "revoked") return err(refusal("TICKET_REVOKED", { ticketId }));
    return ok({
      transferToken,
      baseUrl: settings.publicUrl,
      expiresAt: transfer.expiresAt,
      maxBytes: bytes,
    });
  }
}

/**
 * Uses of datasets are told to settlement. Uploads use nobody's data; a result is used under its permit, which the chain
 * has logged already.
 */
async function publishRedemption(tx: Tx, { ticketId, holder, subject }: Ticket, at: number): Promise<void> {
  if (subject.kind !== "DATASET" && subject.kind !== "OWN_DATASET") return;
  const value = {
    datasetId: subject.datasetId,
    grantId: subject.kind === "DATASET" ? subject.grantId : "0",
    grantee: Buffer.from(holder.slice(2), "hex"),
    opMask: subject.kind === "DATASET" ? subject.op : Op.READ,
    redeemedAt: BigInt(at),
  };
  const event = {
    ticketId: Buffer.from(ticketId.slice(2), "hex"),
    event: { $case: "ticketRedeemed" as const, value },
  };
  const headers = { messageId: `ticket-redeemed:${ticketId}`, producer: "gateway" };
  await appendOutbox(tx, [toMessage(ticketEvents, event, headers)]);
}
