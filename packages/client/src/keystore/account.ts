import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Address, asAddress, err, ok, type Result } from "@cos/protocol";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { type AbstractSigner, SigningKey, Wallet } from "ethers";
import { z } from "zod";
import type { CosHome } from "../home/cos-home.ts";
import { parseJson } from "../home/parse-json.ts";
import { writeNewSecretFile } from "../home/secret-file.ts";
import type { KeptSession } from "../wire/kept-session.ts";
import { openWithPassphrase, type SealOptions, sealWithPassphrase } from "./age-seal.ts";
import { institutionFile } from "./institution-file.ts";

/** The public half of an account: what others may know. */
export type AccountInfo = {
  readonly name: string;
  readonly address: Address;
  /** `age1pq1…`: what releases to this account are sealed to (hybrid X25519 + ML-KEM-768). */
  readonly recipient: string;
};

/** An institution's identity provider, however its people sign in there (a browser, a device code). */
export type IdentityProviderSignIn = {
  readonly issuer: string;
  /** An ID token with this nonce for this client. */
  idToken(wish: { readonly nonce: string; readonly clientId: string }): Promise<string>;
  /** Where sessions outlive a command; kept in memory only when left out. */
  readonly kept?: KeptSession;
};

/** What signs for an account: a key in memory, or one that a KMS holds. */
export type AccountSigner = AbstractSigner & { readonly address: string };

/** An unlocked account. Lives in memory only. */
export type Account = AccountInfo & {
  readonly wallet: AccountSigner;
  /** The age identity that opens releases to the account; refused where that is kept elsewhere. */
  readonly releaseKey: () => Promise<string>;
  /** Signs in by an institution's provider instead of the key; the account there is bound to the key first. */
  readonly identityProvider?: IdentityProviderSignIn;
};

export const accountName = z.string().regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "a-z, 0-9, dot, dash, underscore");

const accountFile = z.strictObject({
  format: z.literal("cos-account/1"),
  name: accountName,
  address: z.string(),
  recipient: z.string(),
  /** age file under the passphrase, base64: `accountSecret` as JSON. */
  sealed: z.base64(),
});

const anyAccountFile = z.discriminatedUnion("format", [accountFile, institutionFile]);
type AnyAccountFile = z.infer<typeof anyAccountFile>;

export const accountSecret = z.strictObject({
  privateKey: z.string().regex(/^0x[0-9a-f]{64}$/),
  ageIdentity: z.string().startsWith("AGE-SECRET-KEY-PQ-1"),
});
export type AccountSecret = z.infer<typeof accountSecret>;

export type AccountError =
  /** Its signing key is not here: a remote signer holds it. */
  | { code: "ACCOUNT_REMOTE"; name: string }
  /** Not a name for a file: lower-case letters, digits, dot, dash, underscore. */
  | { code: "BAD_ACCOUNT_NAME"; name: string }
  /** There is one of that name. */
  | { code: "ACCOUNT_EXISTS"; name: string }
  /** There is none of that name. */
  | { code: "ACCOUNT_UNKNOWN"; name: string }
  /** The file is not an account of this version. */
  | { code: "ACCOUNT_MALFORMED"; name: string }
  /** The passphrase does not open it. */
  | { code: "WRONG_PASSPHRASE" };

/** Makes fresh keys: an EVM key for signatures and transactions, a hybrid age key to receive releases. */
export async function newAccountSecret(): Promise<AccountSecret> {
  const wallet = Wallet.createRandom();
  return { privateKey: wallet.privateKey, ageIdentity: await generateHybridIdentity() };
}

/** Stores an account's keys under a passphrase. @errors `BAD_ACCOUNT_NAME`, `ACCOUNT_EXISTS` */
export async function storeAccount(
  home: CosHome,
  name: string,
  secret: AccountSecret,
  passphrase: string,
  options: SealOptions = {},
): Promise<Result<AccountInfo, AccountError>> {
  if (!accountName.safeParse(name).success) return err({ code: "BAD_ACCOUNT_NAME", name });
  const info = await infoOf(name, secret);
  const sealed = await sealWithPassphrase(JSON.stringify(secret), passphrase, options);
  const file = { format: "cos-account/1", ...info, sealed: Buffer.from(sealed).toString("base64") };
  const written = await writeNewSecretFile(pathOf(home, name), `${JSON.stringify(file, null, 2)}\n`);
  return written ? ok(info) : err({ code: "ACCOUNT_EXISTS", name });
}

/** Opens an account. @errors `ACCOUNT_UNKNOWN`, `ACCOUNT_MALFORMED`, `WRONG_PASSPHRASE` */
export async function unlockAccount(
  home: CosHome,
  name: string,
  passphrase: string,
): Promise<Result<LocalAccount, AccountError>> {
  const file = await readAccountFile(home, name);
  if (!file.ok) return file;
  if (file.value.format !== "cos-account/1") return err({ code: "ACCOUNT_REMOTE", name });
  const opened = await openWithPassphrase(Buffer.from(file.value.sealed, "base64"), passphrase);
  if (!opened.ok) return opened;
  const secret = accountSecret.safeParse(JSON.parse(Buffer.from(opened.value).toString("utf8")));
  if (!secret.success) return err({ code: "ACCOUNT_MALFORMED", name });
  return ok(await accountOf(name, secret.data));
}

/** The account that the keys make, without a file. */
export async function accountOf(name: string, secret: AccountSecret): Promise<LocalAccount> {
  const wallet = new Wallet(new SigningKey(secret.privateKey));
  const { ageIdentity } = secret;
  return { ...(await infoOf(name, secret)), wallet, ageIdentity, releaseKey: async () => ageIdentity };
}

/** An account whose key is in this process's memory. */
export type LocalAccount = Account & { readonly wallet: Wallet; readonly ageIdentity: string };

/** What is known of an account without its passphrase. @errors `ACCOUNT_UNKNOWN`, `ACCOUNT_MALFORMED` */
export async function readAccount(home: CosHome, name: string): Promise<Result<AccountInfo, AccountError>> {
  const file = await readAccountFile(home, name);
  return file.ok ? ok(infoFrom(file.value)) : file;
}

/** All accounts of a home, by name. */
export async function listAccounts(home: CosHome): Promise<AccountInfo[]> {
  const accounts: AccountInfo[] = [];
  for (const file of (await readdir(home.accounts).catch(() => [])).sort()) {
    if (!file.endsWith(".json")) continue;
    const account = await readAccount(home, file.slice(0, -".json".length));
    if (account.ok) accounts.push(account.value);
  }
  return accounts;
}

async function readAccountFile(home: CosHome, name: string): Promise<Result<AnyAccountFile, AccountError>> {
  if (!accountName.safeParse(name).success) return err({ code: "BAD_ACCOUNT_NAME", name });
  let text: string;
  try {
    text = await readFile(pathOf(home, name), "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return err({ code: "ACCOUNT_UNKNOWN", name });
    throw cause;
  }
  const parsed = anyAccountFile.safeParse(parseJson(text));
  return parsed.success ? ok(parsed.data) : err({ code: "ACCOUNT_MALFORMED", name });
}

const pathOf = (home: CosHome, name: string): string => join(home.accounts, `${name}.json`);

const infoFrom = ({ name, address, recipient }: AnyAccountFile): AccountInfo => ({
  name,
  address: asAddress(address),
  recipient,
});

async function infoOf(name: string, secret: AccountSecret): Promise<AccountInfo> {
  const address = asAddress(new Wallet(secret.privateKey).address);
  return { name, address, recipient: await identityToRecipient(secret.ageIdentity) };
}
