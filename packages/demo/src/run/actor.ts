import { randomBytes } from "node:crypto";
import { join } from "node:path";
import {
  accountFailure,
  CosClient,
  type CosHome,
  cosHome,
  type Keyring,
  type LocalAccount,
  newAccountSecret,
  type Platform,
  storeAccount,
  unlockAccount,
} from "@cos/client";

/** One party of the play: its own home, keys and connection. Nothing is shared between two of them but files they hand over. */
export interface Party {
  readonly home: CosHome;
  readonly account: LocalAccount;
  readonly ring: Keyring & { readonly account: LocalAccount };
  readonly client: CosClient;
}

/**
 * A keystore is sealed with age's scrypt at its full cost unless told otherwise. Here the passphrase is 256 random bits
 * that live as long as the run: there is nothing to stretch, and a minute has sixty seconds.
 */
const sealOfRandomPassphrase = { scryptLogN: 12 } as const;

/** Makes a party's keys in a home of its own and connects it to the platform. */
export async function newParty(dir: string, name: string, platform: Platform): Promise<Party> {
  const home = cosHome(join(dir, "home"));
  const passphrase = randomBytes(32).toString("base64url");
  const stored = await storeAccount(home, name, await newAccountSecret(), passphrase, sealOfRandomPassphrase);
  if (!stored.ok) throw accountFailure(stored.error);
  const unlocked = await unlockAccount(home, name, passphrase);
  if (!unlocked.ok) throw accountFailure(unlocked.error);
  const account = unlocked.value;
  return {
    home,
    account,
    ring: { home, passphrase, seal: sealOfRandomPassphrase, account },
    client: new CosClient(platform),
  };
}
