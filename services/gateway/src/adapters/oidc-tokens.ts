import { readFile } from "node:fs/promises";
import { err, ok, type Result } from "@cos/protocol";
import { isLoopback } from "@cos/service-host";
import { createRemoteJWKSet, customFetch, decodeJwt, errors, jwtVerify } from "jose";
import { z } from "zod";
import type { IdToken, OidcPort } from "../app/ports.ts";
import { ServiceUnavailable } from "../app/ports.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";

/** An identity provider and what it calls this gateway. Only signatures that everybody can check are taken. */
const provider = z.strictObject({
  issuer: z.url().refine(isSafe),
  clientId: z.string().min(1).max(255),
  algorithms: z
    .array(z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]))
    .min(1)
    .default(["RS256", "PS256", "ES256", "EdDSA"]),
  /** PEM file of the authorities that certify the provider's hosts, and no others; public ones when left out. */
  caFile: z.string().min(1).optional(),
});
export type OidcProvider = z.output<typeof provider>;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url().refine(isSafe) });
const claims = z.object({ sub: z.string().min(1).max(255), nonce: z.string().regex(/^[0-9a-f]{32}$/) });

const maxTokenLength = 16 * 1024;
const timeoutMs = 5_000;
/** A key set is kept so long; a key that is not in it is looked for at most so often. */
const cacheMs = 10 * 60_000;
const defaultCooldownMs = 30_000;

/** Keys and tokens of a provider do not travel in the clear, except on one machine. */
function isSafe(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === "https:" || (protocol === "http:" && isLoopback(hostname));
}

/** Throws when the file does not list providers. */
export async function readOidcProviders(file: string | undefined): Promise<OidcProvider[]> {
  if (file === undefined) return [];
  const parsed = z.array(provider).safeParse(JSON.parse(await readFile(file, "utf8")));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join("."));
  throw new Error(`the identity providers' file is wrong at ${where.join(", ")}`);
}

/** How a provider is asked. */
type Ask = typeof fetch;

/**
 * ID tokens, checked as OpenID Connect Core 3.1.3.7 says, by the providers' published keys.
 * @param fetches by issuer, for those that are not asked as everybody is
 */
export function oidcTokens(
  providers: readonly OidcProvider[],
  {
    cooldownMs = defaultCooldownMs,
    fetches,
  }: { readonly cooldownMs?: number; readonly fetches?: ReadonlyMap<string, Ask> } = {},
): OidcPort {
  const byIssuer = new Map(providers.map((each) => [each.issuer, each]));
  const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

  const keysOf = async (issuer: string) => {
    const known = keySets.get(issuer);
    if (known !== undefined) return known;
    const ask = fetches?.get(issuer) ?? fetch;
    const keys = createRemoteJWKSet(await jwksUriOf(issuer, ask), {
      [customFetch]: ask,
      timeoutDuration: timeoutMs,
      cooldownDuration: cooldownMs,
      cacheMaxAge: cacheMs,
    });
    keySets.set(issuer, keys);
    return keys;
  };

  return {
    clientIdOf: (issuer) => byIssuer.get(issuer)?.clientId,
    verify: async (token, now) => {
      const from = byIssuer.get(issuerIn(token) ?? "");
      if (from === undefined) return invalid("iss");
      const { issuer, clientId, algorithms } = from;
      const keys = await keysOf(issuer).catch(cannotBeReached);
      try {
        const { payload } = await jwtVerify(token, keys, {
          issuer,
          audience: clientId,
          algorithms,
          currentDate: new Date(now * 1000),
          requiredClaims: ["iss", "aud", "sub", "exp", "iat", "nonce"],
          clockTolerance: 5,
        });
        const others = Array.isArray(payload.aud) && payload.aud.length > 1;
        if (payload.azp === undefined ? others : payload.azp !== clientId) return invalid("azp");
        const read = claims.safeParse(payload);
        return read.success
          ? ok({ issuer, subject: read.data.sub, nonce: read.data.nonce })
          : invalid(String(read.error.issues[0]?.path[0]));
      } catch (error) {
        return invalid(fieldOf(error));
      }
    },
  };
}

const invalid = (field: string): Result<IdToken, Refusal> => err(refusal("ID_TOKEN_INVALID", { field }));

function issuerIn(token: string): string | undefined {
  if (token.length > maxTokenLength) return undefined;
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** What is wrong with a token; a provider that does not answer is no fault of the token. */
function fieldOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired)
    return error.claim;
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWSSignatureVerificationFailed) {
    return "signature";
  }
  if (error instanceof errors.JOSEAlgNotAllowed) return "alg";
  const isTokens = error instanceof errors.JWSInvalid || error instanceof errors.JWTInvalid;
  if (isTokens || error instanceof errors.JOSENotSupported) return "format";
  return cannotBeReached(error);
}

async function jwksUriOf(issuer: string, ask: Ask): Promise<URL> {
  const url = `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
  const response = await ask(url, { redirect: "error", signal: AbortSignal.timeout(timeoutMs) });
  if (!response.ok) throw new TypeError(`discovery answered ${response.status}`);
  const found = discovery.parse(await response.json());
  if (found.issuer !== issuer) throw new TypeError("discovery names another issuer");
  return new URL(found.jwks_uri);
}

function cannotBeReached(cause: unknown): never {
  throw new ServiceUnavailable("identity provider", { cause });
}
