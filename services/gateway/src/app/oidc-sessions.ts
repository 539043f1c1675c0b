import { type Address, err, oidcBindingHash, ok, type Result } from "@cos/protocol";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { Dependencies } from "./dependencies.ts";
import type { IdToken } from "./ports.ts";
import type { OidcAccount } from "./repositories.ts";
import type { SignedIn } from "./sessions.ts";

export type OidcNonce = {
  readonly nonce: string;
  readonly clientId: string;
  readonly expiresAt: number;
  /** What a key that is to be bound signs. */
  readonly audience: string;
};

type Deps = Pick<
  Dependencies,
  "db" | "repositories" | "oidc" | "tokens" | "signatures" | "limiter" | "random" | "now" | "settings"
>;

/** Sign-in by an institution's identity provider, for the key that an account there was bound to. */
export class OidcSessions {
  readonly #deps: Deps;
  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /** @errors `RATE_LIMITED`, `ISSUER_UNKNOWN` */
  async createNonce(issuer: string, peer: string): Promise<Result<OidcNonce, Refusal>> {
    const { db, repositories, oidc, limiter, random, now, settings } = this.#deps;
    const allowed = await limiter.take("signIn", peer);
    if (!allowed.ok) return allowed;
    const clientId = oidc.clientIdOf(issuer);
    if (clientId === undefined) return err(refusal("ISSUER_UNKNOWN"));
    const nonce = Buffer.from(random.bytes(16)).toString("hex");
    const expiresAt = now() + settings.nonceSeconds;
    await repositories.nonces.insert(db, nonce, ownerOf(issuer), expiresAt);
    return ok({ nonce, clientId, expiresAt, audience: settings.publicUrl });
  }

  /**
   * Binds an account to a key. The key signs the account and the token's nonce; another key's binding is not replaced.
   * @errors `RATE_LIMITED`, `ID_TOKEN_INVALID`, `SIGN_IN_NONCE_INVALID`, `OIDC_SIGNATURE_INVALID`, `OIDC_BOUND`
   */
  async bind(
    { idToken, address, signature }: { idToken: string; address: Address; signature: string },
    peer: string,
  ): Promise<Result<undefined, Refusal>> {
    const { db, repositories, signatures, now, settings } = this.#deps;
    const token = await this.#verified(idToken, peer);
    if (!token.ok) return token;
    const hash = oidcBindingHash(settings.chainId, { ...token.value, audience: settings.publicUrl });
    if (!(await signatures.verifyHash(address, hash, signature)))
      return err(refusal("OIDC_SIGNATURE_INVALID"));
    const used = await this.#useNonce(token.value);
    if (!used.ok) return used;
    const bound = await repositories.oidcBindings.bind(db, token.value, address, now());
    return bound === address ? ok(undefined) : err(refusal("OIDC_BOUND"));
  }

  /** @errors `RATE_LIMITED`, `ID_TOKEN_INVALID`, `SIGN_IN_NONCE_INVALID`, `OIDC_UNBOUND` */
  async signIn(idToken: string, peer: string): Promise<Result<SignedIn & { address: Address }, Refusal>> {
    const { db, repositories, tokens, now, settings } = this.#deps;
    const token = await this.#verified(idToken, peer);
    if (!token.ok) return token;
    const used = await this.#useNonce(token.value);
    if (!used.ok) return used;
    const address = await repositories.oidcBindings.find(db, token.value);
    if (address === undefined) return err(refusal("OIDC_UNBOUND"));
    const issuedAt = now();
    const expiresAt = issuedAt + settings.sessionSeconds;
    return ok({
      address,
      expiresAt,
      accessToken: await tokens.signSession({ address, issuedAt, expiresAt }),
    });
  }

  /** @errors `NOT_FOUND` when the account is not bound to the caller */
  async unbind(caller: Address, account: OidcAccount): Promise<Result<undefined, Refusal>> {
    const { db, repositories } = this.#deps;
    const ended = await repositories.oidcBindings.unbind(db, account, caller);
    return ended ? ok(undefined) : err(refusal("NOT_FOUND"));
  }

  async #verified(idToken: string, peer: string): Promise<Result<IdToken, Refusal>> {
    const { oidc, limiter, now } = this.#deps;
    const allowed = await limiter.take("signIn", peer);
    return allowed.ok ? oidc.verify(idToken, now()) : allowed;
  }

  /** Used up in the same moment, whoever else brings the token again. */
  async #useNonce({ issuer, nonce }: IdToken): Promise<Result<undefined, Refusal>> {
    const { db, repositories, now } = this.#deps;
    const used = await repositories.nonces.use(db, nonce, ownerOf(issuer), now());
    return used ? ok(undefined) : err(refusal("SIGN_IN_NONCE_INVALID"));
  }
}

/** Keeps a provider's nonces apart from those of addresses, and from other providers'. */
const ownerOf = (issuer: string): string => `oidc:${issuer}`;
