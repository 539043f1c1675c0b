import { hash } from "node:crypto";
import { asAddress, asDatasetId, asDigest, asGrantId, asPermitId } from "@cos/protocol";
import { type CompactJWSHeaderParameters, CompactSign, type CryptoKey, compactVerify, type JWK } from "jose";
import { LRUCache } from "lru-cache";
import { z } from "zod";
import type { Session, TokenPort } from "../app/ports.ts";
import type { Ticket } from "../domain/ticket.ts";

/** The gateway's EdDSA key: what it signs with, and what the world checks against. */
export type SigningKey = {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly publicJwk: JWK;
};

export type TokenKeys = {
  signing(): SigningKey;
  find(kid: string | undefined): SigningKey | undefined;
};

const sessionType = "cos-session+jwt";
const ticketType = "cos-ticket+jwt";
const maxTokenLength = 4096;

const address = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/)
  .transform(asAddress);
const digest = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .transform(asDigest);
const decimal = z.string().regex(/^(0|[1-9][0-9]{0,77})$/);
const seconds = z.int().min(0);

const sessionSchema = z.strictObject({
  iss: z.string(),
  aud: z.string(),
  sub: address,
  iat: seconds,
  exp: seconds,
});

const subjectSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("UPLOAD"), maxBytes: z.int().min(1) }),
  z.strictObject({
    kind: z.literal("DATASET"),
    datasetId: decimal.transform(asDatasetId),
    version: z.int().min(1),
    grantId: decimal.transform(asGrantId),
    sessionId: digest,
    op: z.int(),
    purposeHash: digest,
  }),
  z.strictObject({
    kind: z.literal("OWN_DATASET"),
    datasetId: decimal.transform(asDatasetId),
    version: z.int().min(1),
  }),
  z.strictObject({ kind: z.literal("RESULT"), permitId: digest.transform(asPermitId) }),
]);

const ticketSchema = z.strictObject({
  iss: z.string(),
  aud: z.string(),
  jti: digest,
  sub: address,
  iat: seconds,
  exp: seconds,
  ticket: subjectSchema,
});

/**
 * Sessions and tickets as compact JWS under EdDSA. The `typ` header keeps one from being taken for the other.
 *
 * @param keys   the one that signs, and those by whose id tokens are checked
 * @param issuer this gateway's public URL
 */
export function joseTokens(keys: TokenKeys, issuer: string): TokenPort {
  const sign = (typ: string, claims: object): Promise<string> => {
    const { kid, privateKey } = keys.signing();
    return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
      .setProtectedHeader({ alg: "EdDSA", typ, kid })
      .sign(privateKey);
  };
  const keyOf = ({ kid }: CompactJWSHeaderParameters): CryptoKey => {
    const key = keys.find(kid);
    if (key === undefined) throw new TypeError("signed by no key of this gateway");
    return key.publicKey;
  };

  const read = async <T>(
    typ: string,
    schema: z.ZodType<T>,
    token: string,
  ): Promise<{ claims: T; kid: string | undefined } | undefined> => {
    if (token.length > maxTokenLength) return undefined;
    try {
      const { payload, protectedHeader } = await compactVerify(token, keyOf, {
        algorithms: ["EdDSA"],
      });
      if (protectedHeader.typ !== typ) return undefined;
      const claims = schema.safeParse(JSON.parse(new TextDecoder().decode(payload)));
      return claims.success ? { claims: claims.data, kid: protectedHeader.kid } : undefined;
    } catch {
      return undefined; // Not a token of ours: every way of being malformed is the same to the caller.
    }
  };

  // A session's token comes with each of its calls: its signature is checked once while its key may be believed.
  const checkedSessions = new LRUCache<string, { session: Session; kid: string | undefined }>({
    max: 10_000,
  });
  const checkSession = async (token: string): Promise<Session | undefined> => {
    const digest = hash("sha256", token);
    const known = checkedSessions.get(digest);
    if (known !== undefined && keys.find(known.kid) !== undefined) return known.session;
    const checked = await read(sessionType, sessionSchema, token);
    if (checked === undefined || checked.claims.aud !== issuer) return undefined;
    const { sub: address, iat: issuedAt, exp: expiresAt } = checked.claims;
    const session = { address, issuedAt, expiresAt };
    checkedSessions.set(digest, { session, kid: checked.kid });
    return session;
  };

  return {
    signSession: ({ address: sub, issuedAt: iat, expiresAt: exp }) =>
      sign(sessionType, { iss: issuer, aud: issuer, sub, iat, exp }),
    readSession: async (token, now): Promise<Session | undefined> => {
      const session = await checkSession(token);
      return session === undefined || now >= session.expiresAt ? undefined : session;
    },
    signTicket: (ticket) =>
      sign(ticketType, {
        iss: issuer,
        aud: ticket.audience,
        jti: ticket.ticketId,
        sub: ticket.holder,
        iat: ticket.issuedAt,
        exp: ticket.expiresAt,
        ticket: ticket.subject,
      }),
    readTicket: async (token): Promise<Ticket | undefined> => {
      const checked = await read(ticketType, ticketSchema, token);
      if (checked === undefined) return undefined;
      const { claims } = checked;
      return {
        ticketId: claims.jti,
        holder: claims.sub,
        audience: claims.aud,
        issuedAt: claims.iat,
        expiresAt: claims.exp,
        subject: claims.ticket,
      };
    },
  };
}
