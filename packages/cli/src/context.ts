import { isAbsolute, join } from "node:path";
import {
  type Account,
  accountFailure,
  CosClient,
  CosFailure,
  type CosHome,
  cosHome,
  defaultHomeDir,
  type InstitutionFile,
  idTokenByBrowser,
  keptSession,
  type LocalAccount,
  listAccounts,
  openInstitution,
  openReleaseKey,
  type Platform,
  readInstitution,
  readPlatformFile,
  type SealOptions,
  unlockAccount,
} from "@cos/client";
import type { Io } from "./io.ts";
import { Output } from "./output.ts";
import { newPassphrase, readPassphrase } from "./passphrase.ts";

export type GlobalOptions = {
  readonly home?: string;
  readonly platform?: string;
  readonly profile?: string;
  readonly account?: string;
  readonly passphraseFile?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly scryptLogN?: number;
};

/** What one run of `cos` works with. Nothing is opened before a command asks for it. */
export class Context {
  readonly io: Io;
  readonly out: Output;
  readonly home: CosHome;
  readonly seal: SealOptions;
  readonly #options: GlobalOptions;
  #client: CosClient | undefined;
  #passphrase: string | undefined;
  #mayAsk = false;
  readonly #localAccounts = new Map<string, LocalAccount>();
  readonly #accounts = new Map<string, Account>();

  constructor(io: Io, options: GlobalOptions) {
    this.io = io;
    this.#options = options;
    this.out = new Output(io, options.json === true);
    this.home = cosHome(this.path(options.home ?? io.env.COS_HOME ?? defaultHomeDir()));
    this.seal = options.scryptLogN === undefined ? {} : { scryptLogN: options.scryptLogN };
  }

  /** A path as the user means it: relative to where the command was typed. */
  path = (path: string): string => (isAbsolute(path) ? path : join(this.io.cwd, path));

  /** --platform, --profile, COS_PLATFORM, COS_PROFILE, or the home's own: the first that is given. */
  get platformFile(): string {
    const { platform, profile } = this.#options;
    if (platform !== undefined && profile !== undefined) {
      throw new CosFailure("usage", "TWO_PLATFORMS", "--platform and --profile both name a platform");
    }
    const { COS_PLATFORM, COS_PROFILE } = this.io.env;
    if (platform !== undefined) return this.path(platform);
    if (profile !== undefined) return this.#profileFile(profile);
    if (COS_PLATFORM !== undefined) return this.path(COS_PLATFORM);
    return COS_PROFILE === undefined ? this.home.platformFile : this.#profileFile(COS_PROFILE);
  }

  #profileFile(name: string): string {
    if (/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) return join(this.home.dir, "profiles", `${name}.json`);
    throw new CosFailure(
      "usage",
      "BAD_PROFILE",
      "a profile's name is lower-case letters, digits and hyphens",
    );
  }

  platform = (): Promise<Platform> => readPlatformFile(this.platformFile);

  async client(): Promise<CosClient> {
    this.#client ??= new CosClient(await this.platform());
    return this.#client;
  }

  /** The passphrase of the keystore, asked for once. */
  async passphrase(): Promise<string> {
    this.#passphrase ??= await readPassphrase(this.io, this.#passphraseOptions());
    return this.#passphrase;
  }

  async newPassphrase(): Promise<string> {
    this.#passphrase ??= await newPassphrase(this.io, this.#passphraseOptions());
    return this.#passphrase;
  }

  /** Name of the account to act as: --account, COS_ACCOUNT, or the only one there is. */
  async accountName(): Promise<string> {
    const named = this.#options.account ?? this.io.env.COS_ACCOUNT;
    if (named !== undefined) return named;
    const [only, ...more] = await listAccounts(this.home);
    if (only === undefined) {
      throw new CosFailure("not-found", "NO_ACCOUNT", "this keystore holds no account", {
        hint: "make one with: cos keys new --account NAME",
      });
    }
    if (more.length === 0) return only.name;
    throw new CosFailure("usage", "WHICH_ACCOUNT", "this keystore holds several accounts", {
      hint: `choose with --account: ${[only, ...more].map(({ name }) => name).join(", ")}`,
    });
  }

  /** The account to act as: unlocked, which costs about a second by design, or ready to sign by its remote signer. */
  async account(name?: string): Promise<Account> {
    const wanted = name ?? (await this.accountName());
    const institution = await readInstitution(this.home, wanted);
    if (institution === undefined) return this.localAccount(wanted);
    const known = this.#accounts.get(wanted);
    if (known !== undefined) return known;
    const account = await this.#institution(institution);
    this.#accounts.set(wanted, account);
    return account;
  }

  /** An account whose key this keystore holds. */
  async localAccount(name?: string): Promise<LocalAccount> {
    const wanted = name ?? (await this.accountName());
    const known = this.#localAccounts.get(wanted);
    if (known !== undefined) return known;
    if ((await readInstitution(this.home, wanted)) !== undefined) {
      throw accountFailure({ code: "ACCOUNT_REMOTE", name: wanted });
    }
    const unlocked = await unlockAccount(this.home, wanted, await this.passphrase());
    if (!unlocked.ok) throw accountFailure(unlocked.error);
    this.#localAccounts.set(wanted, unlocked.value);
    return unlocked.value;
  }

  /** From here on this run may ask a person to sign in at an institution's provider. */
  mayAskToSignIn(): void {
    this.#mayAsk = true;
  }

  async #institution(file: InstitutionFile): Promise<Account> {
    const { name, address, issuer } = file;
    const { gateway } = (await this.platform()).services;
    const idToken = async ({ nonce, clientId }: { nonce: string; clientId: string }): Promise<string> => {
      if (!this.#mayAsk) {
        throw new CosFailure("refused", "SESSION_ENDED", `'${name}' is not signed in`, {
          facts: { issuer },
          hint: `sign in with: cos login --account ${name}`,
        });
      }
      const tell = (url: string) =>
        void this.io.stderr.write(`open this in a browser on this machine:\n  ${url}\n`);
      return idTokenByBrowser({ issuer, clientId, nonce, tell });
    };
    const kept = keptSession(this.home, { name, address, gateway });
    return openInstitution(file, { issuer, idToken, kept }, async () => {
      const key = await openReleaseKey(file, () => this.passphrase());
      if (!key.ok) throw accountFailure(key.error);
      return key.value;
    });
  }

  close(): void {
    this.#client?.close();
  }

  #passphraseOptions(): { passphraseFile?: string } {
    const { passphraseFile } = this.#options;
    return passphraseFile === undefined ? {} : { passphraseFile: this.path(passphraseFile) };
  }
}
