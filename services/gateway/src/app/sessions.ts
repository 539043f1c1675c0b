import { type Address, err, ok, type Result } from "@cos/protocol";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { Dependencies } from "./dependencies.ts";

export type Challenge = { readonly message: string; readonly expiresAt: number };
export type SignedIn = { readonly accessToken: string; readonly expiresAt: number };

type Deps = Pick<
  Dependencies,
  | "db"
  | "repositories"
  | "tokens"
  | "signInMessages"
  | "signatures"
  | "limiter"
  | "random"
  | "now"
  | "settings"
>;

/** Sign-in by an Ethereum key, and who a bearer token belongs to. */
export class Sessions {
  readonly #deps: Deps;
  constructor(deps: Deps) {
    this.#deps = deps;
  }

  /**
   * A message to sign, with a nonce that works once within `nonceSeconds`.
   * @param peer where the call came from, for the rate limit: anybody may ask for anybody's challenge
   * @errors `RATE_LIMITED`
   */
  async createChallenge(address: Address, peer: string): Promise<Result<Challenge, Refusal>> {
    const { db, repositories, signInMessages, limiter, random, now, settings } = this.#deps;
    const allowed = await limiter.take("signIn", peer);
    if (!allowed.ok) return allowed;
    const issuedAt = now();
    const expiresAt = issuedAt + settings.nonceSeconds;
    const nonce = Buffer.from(random.bytes(16)).toString("hex");
    await repositories.nonces.insert(db, nonce, address, expiresAt);
    return ok({ message: signInMessages.write({ address, nonce, issuedAt, expiresAt }), expiresAt });
  }

  /**
   * Trades a signed message for a session. The nonce is used up in the same moment, whoever else sends it again.
   * @errors `RATE_LIMITED`, `SIGN_IN_MESSAGE_INVALID`, `SIGN_IN_SIGNATURE_INVALID`, `SIGN_IN_NONCE_INVALID`
   */
  async signIn(message: string, signature: string, peer: string): Promise<Result<SignedIn, Refusal>> {
    const { db, repositories, signInMessages, signatures, tokens, limiter, now, settings } = this.#deps;
    const allowed = await limiter.take("signIn", peer);
    if (!allowed.ok) return allowed;
    const issuedAt = now();
    const read = signInMessages.read(message, issuedAt);
    if (!read.ok) return read;
    const { address, nonce, hash } = read.value;
    if (!(await signatures.verifyHash(address, hash, signature))) {
      return err(refusal("SIGN_IN_SIGNATURE_INVALID"));
    }
    if (!(await repositories.nonces.use(db, nonce, address, issuedAt))) {
      return err(refusal("SIGN_IN_NONCE_INVALID"));
    }
    const expiresAt = issuedAt + settings.sessionSeconds;
    const accessToken = await tokens.signSession({ address, issuedAt, expiresAt });
    return ok({ accessToken, expiresAt });
  }

  /** @errors `SESSION_INVALID`, `RATE_LIMITED` */
  async authenticate(bearer: string | undefined): Promise<Result<Address, Refusal>> {
    const { tokens, limiter, now } = this.#deps;
    const session = bearer === undefined ? undefined : await tokens.readSession(bearer, now());
    if (session === undefined) return err(refusal("SESSION_INVALID"));
    const allowed = await limiter.take("call", session.address);
    return allowed.ok ? ok(session.address) : allowed;
  }
}
