import { signOidcBinding } from "@cos/protocol";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { toBytes, toHex } from "./hex.ts";
import { orFail } from "./rpc-failure.ts";
import type { Services } from "./services.ts";

/** A signed-in account: signs a challenge (EIP-4361) when it has no live session, and keeps the session in memory only. */
export class Session {
  readonly account: Account;
  readonly #services: Services;
  #token = "";
  #endsAtMs = 0;

  constructor(services: Services, account: Account) {
    this.#services = services;
    this.account = account;
  }

  /** Binds the account at the identity provider to this account's key; once, before the first sign-in by it. */
  async bind(chainId: bigint): Promise<void> {
    const { idToken, audience } = await this.#idToken();
    const { sub: subject = "", nonce = "" } = decodeClaims(idToken);
    const binding = { issuer: this.account.identityProvider?.issuer ?? "", subject, nonce, audience };
    const signature = toBytes(await signOidcBinding(this.account.wallet, chainId, binding));
    const address = toBytes(this.account.address);
    await orFail(this.#services.sessions.bindOidc({ idToken, address, signature }));
  }

  /** Signs in, whether or not a session lives. @returns when it ends */
  async signIn(): Promise<Date> {
    await this.#signIn();
    return new Date(this.#endsAtMs);
  }

  /** Call metadata of a live session; renews it a minute before it ends. */
  async metadata(): Promise<{ metadata: { authorization: string } }> {
    if (this.#token === "") await this.#takeUp();
    if (Date.now() > this.#endsAtMs - 60_000) await this.#signIn();
    return { metadata: { authorization: `Bearer ${this.#token}` } };
  }

  /** Goes on with a session that an earlier command left. */
  async #takeUp(): Promise<void> {
    const left = await this.account.identityProvider?.kept?.read();
    if (left === undefined) return;
    this.#token = left.token;
    this.#endsAtMs = left.endsAtMs;
  }

  async #idToken(): Promise<{ idToken: string; audience: string }> {
    const provider = this.account.identityProvider;
    if (provider === undefined) throw new TypeError("the session has no identity provider");
    const { issuer } = provider;
    const asked = orFail(this.#services.sessions.createOidcNonce({ issuer }));
    const { nonce, clientId, audience } = await asked;
    return { idToken: await provider.idToken({ nonce, clientId }), audience };
  }

  async #signInByProvider(): Promise<void> {
    const { idToken } = await this.#idToken();
    const answer = await orFail(this.#services.sessions.signInOidc({ idToken }));
    if (toHex(answer.address) !== this.account.address) {
      throw new CosFailure("refused", "OIDC_OTHER_ACCOUNT", "the provider's account is bound to another key");
    }
    this.#keep(answer);
    await this.account.identityProvider?.kept?.write({ token: this.#token, endsAtMs: this.#endsAtMs });
  }

  #keep({ accessToken, expiresAt }: { accessToken: string; expiresAt: Date | undefined }): void {
    this.#token = accessToken;
    this.#endsAtMs = expiresAt?.getTime() ?? Date.now() + 300_000;
  }

  async #signIn(): Promise<void> {
    if (this.account.identityProvider !== undefined) return this.#signInByProvider();
    const { wallet, address } = this.account;
    const { message } = await orFail(this.#services.sessions.createChallenge({ address: toBytes(address) }));
    const signature = toBytes(await wallet.signMessage(message));
    this.#keep(await orFail(this.#services.sessions.signIn({ message, signature })));
  }
}

/** What the token says; who may believe it is the gateway's to check. */
function decodeClaims(idToken: string): { sub?: string; nonce?: string } {
  const [, payload = ""] = idToken.split(".");
  return JSON.parse(Buffer.from(payload, "base64url").toString()) as { sub?: string; nonce?: string };
}
