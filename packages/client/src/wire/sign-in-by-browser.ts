import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { isLoopback } from "@cos/service-host/wire";
import * as oidc from "openid-client";
import { CosFailure } from "../failure.ts";

export type BrowserSignIn = {
  readonly issuer: string;
  /** The gateway's client at the provider: public (PKCE, no secret), with loopback redirects (RFC 8252). */
  readonly clientId: string;
  /** What the ID token must carry; the gateway takes it once. */
  readonly nonce: string;
  /** Shows the person what to open in a browser on this machine. */
  tell(url: string): void;
  readonly timeoutMs?: number;
};

const redirectPath = "/back";
const defaultTimeoutMs = 300_000;

/**
 * An ID token by the authorization code flow with PKCE: the person signs in at the provider in a browser, which comes back
 * to a port of this machine. (A device code, RFC 8628, would carry no nonce, and the gateway takes none without.)
 * @errors as `CosFailure`: `ISSUER_IN_THE_CLEAR`, `PROVIDER_UNREACHABLE`, `SIGN_IN_DENIED`, `SIGN_IN_TIMEOUT`,
 *   `SIGN_IN_FAILED`
 */
export async function idTokenByBrowser(wish: BrowserSignIn): Promise<string> {
  const { issuer, clientId, nonce, tell, timeoutMs = defaultTimeoutMs } = wish;
  const config = await discover(issuer, clientId);
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const back = await listenForReturn(state);
  try {
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: back.redirectUri,
      scope: "openid",
      nonce,
      state,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
    });
    tell(url.href);
    const returned = await back.within(timeoutMs);
    const tokens = await oidc.authorizationCodeGrant(config, returned, {
      pkceCodeVerifier: verifier,
      expectedNonce: nonce,
      expectedState: state,
      idTokenExpected: true,
    });
    return tokens.id_token ?? "";
  } catch (cause) {
    throw toFailure(cause, issuer);
  } finally {
    back.close();
  }
}

async function discover(issuer: string, clientId: string): Promise<oidc.Configuration> {
  const url = new URL(issuer);
  const isLocal = url.protocol === "http:" && isLoopback(url.hostname);
  if (url.protocol !== "https:" && !isLocal) {
    throw new CosFailure("usage", "ISSUER_IN_THE_CLEAR", "an identity provider is reached over https", {
      facts: { issuer },
    });
  }
  try {
    const options = isLocal ? { execute: [oidc.allowInsecureRequests] } : {};
    return await oidc.discovery(url, clientId, undefined, oidc.None(), options);
  } catch {
    throw new CosFailure(
      "unavailable",
      "PROVIDER_UNREACHABLE",
      "the identity provider does not answer as one",
      {
        facts: { issuer },
      },
    );
  }
}

/** Waits on a free port of the loopback for the browser to come back with this state; what comes without it is refused. */
async function listenForReturn(state: string) {
  const arrived = Promise.withResolvers<URL>();
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", redirectUri);
    const isReturn = url.pathname === redirectPath && url.searchParams.get("state") === state;
    const words = isReturn ? "You are signed in, or not: the terminal says. This page may be closed." : "";
    response
      .writeHead(isReturn ? 200 : 404, { "content-type": "text/plain", connection: "close" })
      .end(words);
    if (isReturn) arrived.resolve(url);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const redirectUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}${redirectPath}`;
  return {
    redirectUri,
    within: async (timeoutMs: number): Promise<URL> => {
      const late = new CosFailure(
        "unavailable",
        "SIGN_IN_TIMEOUT",
        "nobody signed in at the provider in time",
        {
          hint: "run the command again and open the URL that it shows",
        },
      );
      const timer = setTimeout(() => arrived.reject(late), timeoutMs);
      return arrived.promise.finally(() => clearTimeout(timer));
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function toFailure(cause: unknown, issuer: string): unknown {
  if (cause instanceof CosFailure) return cause;
  if (cause instanceof oidc.AuthorizationResponseError) {
    return new CosFailure("refused", "SIGN_IN_DENIED", "the identity provider did not sign you in", {
      facts: { issuer, reason: word(cause.error) },
    });
  }
  if (!(cause instanceof oidc.ResponseBodyError || cause instanceof oidc.ClientError)) return cause;
  const reason = cause instanceof oidc.ResponseBodyError ? cause.error : (cause.code ?? "");
  return new CosFailure("refused", "SIGN_IN_FAILED", "the identity provider gave no token", {
    facts: { issuer, reason: word(reason) },
    hint: "the gateway's client there must be a public one with loopback redirects; ask the operator",
  });
}

/** A code of the provider's, if it is one: anything else might quote what was sent. */
const word = (text: string): string => (/^[\w.-]{1,60}$/.test(text) ? text : "unknown");
