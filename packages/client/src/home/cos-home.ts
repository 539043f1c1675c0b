import { homedir } from "node:os";
import { join } from "node:path";

/** Where one person's keys and notes lie. Nothing in here is ever sent anywhere. */
export type CosHome = {
  readonly dir: string;
  /** `<name>.json`: an account's public half and its sealed keys. */
  readonly accounts: string;
  /** `<key id>/`: one folder per dataset key, with the sealed secret and public notes. */
  readonly datasets: string;
  /** Sealed ledgers of releases, one per dataset key. */
  readonly ledgers: string;
  /** Notes of access requests and grants (recipients, purposes). */
  readonly grants: string;
  /** `<digest>`: ciphertexts of results while they are checked and opened, and parts of such for the next run. */
  readonly results: string;
  /** Sessions of institutions' accounts, between commands. */
  readonly sessions: string;
  /** Default platform file of this home. */
  readonly platformFile: string;
  /** State of a platform that `cos up` started here. */
  readonly platformData: string;
};

export const defaultHomeDir = (): string => join(homedir(), ".cos");

export const cosHome = (dir: string): CosHome => ({
  dir,
  accounts: join(dir, "accounts"),
  datasets: join(dir, "datasets"),
  ledgers: join(dir, "ledgers"),
  grants: join(dir, "grants"),
  results: join(dir, "results"),
  sessions: join(dir, "sessions"),
  platformFile: join(dir, "platform.json"),
  platformData: join(dir, "platform"),
});
