import { CosChain } from "./chain/cos-chain.ts";
import type { Account } from "./keystore/account.ts";
import { Transfers } from "./objects/transfers.ts";
import type { Platform } from "./platform-file.ts";
import { connectServices, type Services } from "./wire/services.ts";
import { Session } from "./wire/session.ts";

/** One connection to a platform: its chain, its services, its object routes. Holds no key; accounts are passed in. */
export class CosClient {
  readonly platform: Platform;
  readonly chain: CosChain;
  readonly services: Services;
  readonly transfers: Transfers;
  readonly #sessions = new Map<string, Session>();

  constructor(platform: Platform) {
    this.platform = platform;
    this.chain = new CosChain(platform);
    this.services = connectServices(platform);
    this.transfers = new Transfers(this.services, platform.chain.chainId);
  }

  /** The account's session at the gateway; signs in when it is first used. */
  session(account: Account): Session {
    let session = this.#sessions.get(account.address);
    if (session === undefined) {
      session = new Session(this.services, account);
      this.#sessions.set(account.address, session);
    }
    return session;
  }

  close(): void {
    this.services.close();
    this.chain.close();
  }
}
