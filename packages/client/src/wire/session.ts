import type { Account } from "../keystore/account.ts";
import { toBytes } from "./hex.ts";
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

  /** Call metadata of a live session; renews it a minute before it ends. */
  async metadata(): Promise<{ metadata: { authorization: string } }> {
    if (Date.now() > this.#endsAtMs - 60_000) await this.#signIn();
    return { metadata: { authorization: `Bearer ${this.#token}` } };
  }

  async #signIn(): Promise<void> {
    const { wallet, address } = this.account;
    const { message } = await orFail(this.#services.sessions.createChallenge({ address: toBytes(address) }));
    const signature = toBytes(await wallet.signMessage(message));
    const answer = await orFail(this.#services.sessions.signIn({ message, signature }));
    this.#token = answer.accessToken;
    this.#endsAtMs = answer.expiresAt?.getTime() ?? Date.now() + 300_000;
  }
}
