import { setTimeout as delay } from "node:timers/promises";
import { CosChain } from "./chain/cos-chain.ts";
import type { Account } from "./keystore/account.ts";
import { Transfers } from "./objects/transfers.ts";
import type { Platform } from "./platform-file.ts";
import { connectServices, type Services } from "./wire/services.ts";
import { Session } from "./wire/session.ts";

const mirrorPatienceMs = 10_000;

/** One connection to a platform: its chain, its services, its object routes. Holds no key; accounts are passed in. */
export class CosClient {
  readonly platform: Platform;
  readonly chain: CosChain;
  readonly services: Services;
  readonly transfers: Transfers;
  readonly #sessions = new Map<string, Session>();

  constructor(platform: Platform) {
    this.platform = platform;
    this.services = connectServices(platform);
    this.chain = new CosChain(platform, (blockNumber) => this.#untilMirrored(blockNumber));
    this.transfers = new Transfers(this.services, platform);
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

  /**
   * Waits until the services have mirrored a block: what they decide rests on that. Gives up quietly after some seconds,
   * since the transaction stands in any case.
   */
  async #untilMirrored(blockNumber: number): Promise<void> {
    const until = Date.now() + mirrorPatienceMs;
    while (Date.now() < until) {
      const status = await this.services.access.getMirrorStatus({}).catch(() => undefined);
      if (status === undefined || status.state === "halted") return;
      if (Number(status.confirmedNumber) >= blockNumber) return;
      await delay(50);
    }
  }

  close(): void {
    this.services.close();
    this.transfers.close();
    this.chain.close();
  }
}
