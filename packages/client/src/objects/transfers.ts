import { openAsBlob } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { IssueTicketRequest as Issue, type IssueTicketRequest } from "@cos/proto/gateway";
import { type Digest, digestOfBytes, type ObjectRef, signTicketRedemption } from "@cos/protocol";
import { isLoopback } from "@cos/service-host/wire";
import { fetchUnder, isTlsRefusal, type TlsFetch, tlsRefusalOf } from "@cos/tls";
import { CosFailure } from "../failure.ts";
import type { Platform } from "../platform-file.ts";
import { toHex } from "../wire/hex.ts";
import { orFail } from "../wire/rpc-failure.ts";
import type { Services } from "../wire/services.ts";
import type { Session } from "../wire/session.ts";
import { FileDraft } from "./file-draft.ts";
import { type Received, ReceivedBytes } from "./received-bytes.ts";

/** An object to store: its bytes in memory or in a file. */
export type Upload = {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly bytes?: Uint8Array;
  readonly file?: string;
};

export type Progress = (doneBytes: number, totalBytes: number) => void;

/** A redeemed ticket: what a transfer may carry and where. */
export type Transfer = { readonly token: string; readonly baseUrl: string; readonly ticketId: string };

const parallel = 4;
const attempts = 5;

/** Moves ciphertext objects over the gateway's HTTP routes, each transfer under a ticket redeemed once. */
export class Transfers {
  readonly #services: Services;
  readonly #chainId: bigint;
  readonly #http: TlsFetch;
  readonly #mayLeaveInTheClear: boolean;

  constructor(services: Services, { chain, tls }: Pick<Platform, "chain" | "tls">) {
    this.#services = services;
    this.#chainId = BigInt(chain.chainId);
    this.#http =
      tls?.httpCa === undefined ? { fetch, close: async () => {} } : fetchUnder({ ca: tls.httpCa });
    this.#mayLeaveInTheClear = tls === undefined;
  }

  /** Ends connections. */
  close(): void {
    void this.#http.close();
  }

  /** Buys a ticket and redeems it with proof that the account holds its key. */
  async open(session: Session, want: Partial<IssueTicketRequest>): Promise<Transfer> {
    const issued = await orFail(
      this.#services.tickets.issueTicket(Issue.fromPartial(want), await session.metadata()),
    );
    return this.redeem(session, issued.ticket, toHex(issued.ticketId) as Digest);
  }

  /** Redeems a ticket that was issued before. Each works once, for its holder, for at most 900 s. */
  async redeem(session: Session, ticket: string, ticketId: Digest): Promise<Transfer> {
    const issuedAt = Math.floor(Date.now() / 1000);
    const audience = audienceOf(ticket);
    const proof = await signTicketRedemption(session.account.wallet, this.#chainId, {
      ticketId,
      audience,
      issuedAt,
    });
    const answer = await orFail(
      this.#services.tickets.redeemTicket(
        { ticket, proof: Buffer.from(proof.slice(2), "hex"), proofIssuedAt: BigInt(issuedAt) },
        await session.metadata(),
      ),
    );
    const { transferToken: token, baseUrl } = answer;
    const { protocol, hostname } = new URL(baseUrl);
    if (protocol !== "https:" && !isLoopback(hostname) && !this.#mayLeaveInTheClear) {
      throw new CosFailure("refused", "TRANSFER_IN_THE_CLEAR", "the gateway names a URL without TLS", {
        facts: { host: hostname },
        hint: "nothing was sent; the operator sets COS_GATEWAY_PUBLIC_URL to an https URL",
      });
    }
    return { token, baseUrl, ticketId };
  }

  /** Stores objects, four at a time; what lies there already is not sent again, so an interrupted upload goes on. */
  async upload(transfer: Transfer, objects: readonly Upload[], progress?: Progress): Promise<void> {
    const total = objects.reduce((sum, object) => sum + object.sizeBytes, 0);
    let done = 0;
    progress?.(0, total);
    await inParallel(objects, async (object) => {
      await this.#put(transfer, object);
      done += object.sizeBytes;
      progress?.(done, total);
    });
  }

  /** Fetches one object into memory and checks its digest; a broken connection resumes where it stopped. */
  async download(
    transfer: Transfer,
    digest: Digest,
    progress?: (bytes: number) => void,
  ): Promise<Uint8Array> {
    const received = new ReceivedBytes();
    await this.#receive(transfer, digest, received, progress);
    const bytes = received.take();
    const actual = digestOfBytes(bytes);
    if (actual !== digest) throw otherDigest(digest, actual, bytes.length);
    return bytes;
  }

  /**
   * Fetches one object into a file that only its owner may read (0600), and checks its digest. Memory: one piece of it.
   * What an earlier run left of it, broken off or killed, is hashed and not fetched again.
   * @param file takes its name when the digest was checked; until then the bytes lie in `FILE.part`
   * @returns the file, open; the caller closes it
   * @throws DIGEST_MISMATCH and LENGTH_MISMATCH, after which nothing of it is left, FILE_UNWRITABLE
   */
  async downloadTo(
    transfer: Transfer,
    { digest, sizeBytes }: ObjectRef,
    file: string,
    progress?: (bytes: number) => void,
  ): Promise<FileHandle> {
    const draft = await FileDraft.open(file, sizeBytes);
    try {
      progress?.(draft.have);
      const isLeftOver = draft.have > 0;
      if (draft.have < sizeBytes) await this.#receive(transfer, digest, draft, progress);
      if (isLeftOver && draft.digest() !== digest) {
        draft.restart(); // what was left over may have been the wrong part
        await this.#receive(transfer, digest, draft, progress);
      }
      const actual = draft.digest();
      if (actual !== digest) throw otherDigest(digest, actual, draft.have);
      return await draft.finish();
    } catch (cause) {
      await draft.end({ keep: !(cause instanceof CosFailure && cause.kind === "integrity") });
      throw cause;
    }
  }

  /** Whether the store holds an object that the transfer covers. */
  async has(transfer: Transfer, digest: Digest): Promise<boolean> {
    const wish = { method: "HEAD", headers: auth(transfer) };
    const response = await this.#http.fetch(urlOf(transfer, digest), wish);
    await response.body?.cancel();
    if (response.ok) return true;
    if (response.status === 404 || response.status === 410) return false;
    if (response.status >= 500) throw new Error(`HTTP ${response.status}`);
    throw problemFailure(response.status, response.status === 401 ? { code: "TRANSFER_INVALID" } : {});
  }

  /** Fetches what is missing of an object; a broken connection resumes where it stopped. */
  async #receive(
    transfer: Transfer,
    digest: Digest,
    target: Received,
    progress: ((bytes: number) => void) | undefined,
  ): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const headers = target.have > 0 ? { range: `bytes=${target.have}-` } : {};
        const response = await this.#request(transfer, digest, { method: "GET", headers });
        if (target.have > 0 && response.status === 200) target.restart();
        target.announce(Number(response.headers.get("content-length") ?? 0));
        for await (const piece of response.body ?? []) {
          await target.add(piece);
          progress?.(target.have);
        }
        return;
      } catch (cause) {
        if (isFinal(cause) || attempt >= attempts) throw toFailure(cause);
        await delay(100 * 2 ** attempt);
      }
    }
  }

  async #put(transfer: Transfer, object: Upload): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (await this.has(transfer, object.digest)) return;
        const body = await bodyOf(object);
        const headers = { "content-type": "application/octet-stream" };
        const response = await this.#request(transfer, object.digest, { method: "PUT", headers, body });
        await response.body?.cancel();
        return;
      } catch (cause) {
        if (isFinal(cause) || attempt >= attempts) throw toFailure(cause);
        await delay(100 * 2 ** attempt);
      }
    }
  }

  async #request(transfer: Transfer, digest: Digest, init: RequestInit): Promise<Response> {
    const headers = { ...(init.headers as Record<string, string>), ...auth(transfer) };
    const response = await this.#http.fetch(urlOf(transfer, digest), { ...init, headers });
    if (response.ok) return response;
    const problem = (await response.json().catch(() => ({}))) as Record<string, unknown>;
    if (response.status >= 500 && response.status !== 507) throw new Error(`HTTP ${response.status}`);
    throw problemFailure(response.status, problem);
  }
}

/** What trying again does not heal. */
const isFinal = (cause: unknown): boolean => cause instanceof CosFailure || isTlsRefusal(cause);

async function bodyOf(object: Upload): Promise<Blob | Uint8Array<ArrayBuffer>> {
  if (object.bytes !== undefined) return object.bytes as Uint8Array<ArrayBuffer>;
  if (object.file === undefined) throw new TypeError("an upload needs bytes or a file");
  return openAsBlob(object.file);
}

const otherDigest = (expected: Digest, actual: Digest, sizeBytes: number): CosFailure =>
  new CosFailure("integrity", "DIGEST_MISMATCH", "the object's bytes are not those of its digest", {
    facts: { expected, actual, sizeBytes },
    hint: "nothing was opened; tell the operator",
  });

function problemFailure(status: number, problem: Record<string, unknown>): CosFailure {
  const code = String(problem.code ?? problem.title ?? `HTTP_${status}`);
  const kind =
    status === 404 || status === 410
      ? "not-found"
      : code === "DIGEST_MISMATCH" || code === "LENGTH_MISMATCH"
        ? "integrity"
        : "refused";
  const detail = typeof problem.detail === "string" ? `: ${problem.detail}` : "";
  return new CosFailure(kind, code, `the gateway refused the transfer (${code})${detail}`);
}

function toFailure(cause: unknown): CosFailure {
  if (cause instanceof CosFailure) return cause;
  if (isTlsRefusal(cause)) {
    return new CosFailure("refused", "GATEWAY_UNTRUSTED", "the gateway's certificate is not to be believed", {
      facts: { reason: tlsRefusalOf(cause) },
      hint: "nothing was sent; ask the operator for a new platform file",
    });
  }
  return new CosFailure("unavailable", "TRANSFER_BROKEN", "the transfer broke off", {
    hint: "run the same command again: it goes on where it stopped",
  });
}

const urlOf = ({ baseUrl }: Transfer, digest: Digest): string => `${baseUrl}/v1/objects/${digest.slice(2)}`;
const auth = ({ token }: Transfer) => ({ authorization: `Bearer ${token}` });

/** The audience that the gateway wrote into its ticket; the proof is bound to it. */
function audienceOf(ticket: string): string {
  try {
    const claims = JSON.parse(Buffer.from(ticket.split(".")[1] ?? "", "base64url").toString("utf8")) as {
      aud?: unknown;
    };
    return String(claims.aud ?? "");
  } catch {
    throw new CosFailure("usage", "TICKET_INVALID", "this is no ticket");
  }
}

/** Runs `work` over items, a few at a time; the first failure stops the rest. */
async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]();
  let stopped = false;
  const lane = async () => {
    for (const item of queue) {
      if (stopped) return;
      try {
        await work(item);
      } catch (cause) {
        stopped = true;
        throw cause;
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
}
