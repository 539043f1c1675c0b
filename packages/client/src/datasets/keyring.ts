import type { CosHome } from "../home/cos-home.ts";
import type { LocalAccount } from "../keystore/account.ts";
import type { SealOptions } from "../keystore/age-seal.ts";

/** Where an owner's secrets lie, and what opens and seals them. */
export type Keyring = {
  readonly home: CosHome;
  readonly passphrase: string;
  readonly seal: SealOptions;
  /** Account that goes into the kit beside the dataset's secret, so that the kit alone opens old results. */
  readonly account?: LocalAccount;
};
