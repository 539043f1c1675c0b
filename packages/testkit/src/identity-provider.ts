/// <reference path="./oidc-provider.d.ts" />
import { randomBytes } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, importJWK, type JWK, type JWTPayload, SignJWT } from "jose";
import Provider from "oidc-provider";

export const clientId = "cos-gateway";
/** A public client of programs on people's machines: PKCE, no secret, any port of the loopback. */
export const nativeClientId = "cos-native";
const clientSecret = randomBytes(16).toString("hex");
const redirectUri = "http://127.0.0.1/back";

/** An institution's identity provider (the package `oidc-provider`) whose login page asks nobody anything. */
export class IdentityProvider {
  readonly #server: Server;
  #provider!: Provider;
  #key!: JWK;
  #account = "";
  /** How often the public keys were fetched. */
  keyFetches = 0;
  isDown = false;
  /** Whether it refuses whoever signs in. */
  denies = false;

  private constructor() {
    this.#server = createServer((request, response) => {
      if (this.isDown) return void response.writeHead(503).end();
      if (request.url?.startsWith("/jwks")) this.keyFetches++;
      if (!request.url?.startsWith("/interaction/")) return this.#provider.callback()(request, response);
      const denied = { error: "access_denied", error_description: "not you" };
      const login = { accountId: this.#account };
      this.#provider
        .interactionFinished(request, response, this.denies ? denied : { login, consent: {} })
        .catch(() => response.destroy());
    });
  }

  static async start(): Promise<IdentityProvider> {
    const self = new IdentityProvider();
    await new Promise<void>((resolve) => self.#server.listen(0, "127.0.0.1", resolve));
    await self.rotateKeys();
    return self;
  }

  get issuer(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  /** Signs with another key from now on, and publishes only that. */
  async rotateKeys(): Promise<void> {
    const { privateKey } = await generateKeyPair("RS256", { extractable: true });
    const kid = randomBytes(8).toString("hex");
    this.#key = { ...(await exportJWK(privateKey)), kid, alg: "RS256", use: "sig" };
    this.#provider = new Provider(this.issuer, {
      jwks: { keys: [this.#key] },
      cookies: { keys: [randomBytes(16).toString("hex")] },
      clients: [
        {
          client_id: clientId,
          client_secret: clientSecret,
          redirect_uris: [redirectUri],
          token_endpoint_auth_method: "client_secret_post",
        },
        {
          client_id: nativeClientId,
          application_type: "native",
          redirect_uris: [`${redirectUri}`],
          token_endpoint_auth_method: "none",
        },
      ],
      ttl: { Interaction: 60, Grant: 60, Session: 60, AccessToken: 60, IdToken: 300 },
      pkce: { required: () => false },
      features: { devInteractions: { enabled: false } },
      interactions: { url: (_: unknown, { uid }: { uid: string }) => `/interaction/${uid}` },
      findAccount: (_: unknown, accountId: string) => ({ accountId, claims: () => ({ sub: accountId }) }),
      loadExistingGrant: async ({
        oidc,
      }: {
        oidc: { session: { accountId: string }; client: { clientId: string } };
      }) => {
        const { session, client } = oidc;
        const grant = new this.#provider.Grant({ clientId: client.clientId, accountId: session.accountId });
        grant.addOIDCScope("openid");
        await grant.save();
        return grant;
      },
    });
  }

  /** The authorization code flow as a browser and a client go through it, to the ID token. */
  async signIn(account: string, nonce: string): Promise<string> {
    this.#account = account;
    const start = new URL("/auth", this.issuer);
    start.search = new URLSearchParams({
      client_id: clientId,
      redirect_uri: redirectUri,
      response_type: "code",
      scope: "openid",
      nonce,
    }).toString();
    return this.#trade((await this.#visit(start, redirectUri)).searchParams);
  }

  /** What a person does in a browser: opens the URL, signs in, is sent back to the program that waits on this machine. */
  async browse(account: string, url: string): Promise<void> {
    this.#account = account;
    const back = await this.#visit(new URL(url), new URL(url).searchParams.get("redirect_uri") ?? "");
    await (await fetch(back)).text();
  }

  async #visit(start: URL, until: string): Promise<URL> {
    const cookies = new Map<string, string>();
    let next = start;
    for (let hop = 0; hop < 8; hop++) {
      const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
      const response = await fetch(next, { redirect: "manual", headers: { cookie } });
      for (const set of response.headers.getSetCookie()) {
        const [pair = ""] = set.split(";");
        cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
      }
      const location = response.headers.get("location");
      if (location === null)
        throw new Error(`${next.pathname} answered ${response.status}: ${await response.text()}`);
      if (location.startsWith(until)) return new URL(location);
      next = new URL(location, this.issuer);
    }
    throw new Error("the provider sends in circles");
  }

  async #trade(answer: URLSearchParams): Promise<string> {
    const response = await fetch(new URL("/token", this.issuer), {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "authorization_code",
        code: answer.get("code") ?? "",
        redirect_uri: redirectUri,
        client_id: clientId,
        client_secret: clientSecret,
      }),
    });
    return ((await response.json()) as { id_token: string }).id_token;
  }

  /** A token that the provider would not have made, under its own key. */
  async forge(claims: JWTPayload, header: { alg?: string; kid?: string } = {}): Promise<string> {
    const { alg = "RS256", kid = this.#key.kid ?? "" } = header;
    const key = await importJWK({ ...this.#key, alg }, alg);
    return new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(key);
  }
}
