import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type DigestSigner, RemoteSigner } from "@cos/chain";
import { asAddress, err, ok, type Result } from "@cos/protocol";
import { generateHybridIdentity, identityToRecipient } from "age-encryption";
import { CosFailure } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import { parseJson } from "../home/parse-json.ts";
import { writeNewSecretFile } from "../home/secret-file.ts";
import { type Account, type AccountError, type AccountInfo, accountName } from "./account.ts";
import { openWithPassphrase, type SealOptions, sealWithPassphrase } from "./age-seal.ts";
import { type InstitutionFile, institutionFile } from "./institution-file.ts";
import { openHttpSigner } from "./open-http-signer.ts";

export type InstitutionWish = {
  readonly name: string;
  /** The identity provider whose account signs in. */
  readonly issuer: string;
  readonly signer: { readonly url: string; readonly keyId: string; readonly tokenFile?: string };
  /** Whom releases are sealed to (`age1pq1…`), where that key is kept elsewhere; one is made here when left out. */
  readonly recipient?: string;
  /** Seals the release key that is made here. */
  readonly passphrase?: () => Promise<string>;
  readonly seal?: SealOptions;
};

/**
 * Stores an account whose signing key a remote signer holds. The signer is asked for its public key now.
 * @errors `BAD_ACCOUNT_NAME`, `ACCOUNT_EXISTS`; `CosFailure` of the signer
 */
export async function storeInstitution(
  home: CosHome,
  wish: InstitutionWish,
): Promise<Result<AccountInfo, AccountError>> {
  const { name, issuer, recipient, passphrase } = wish;
  if (!accountName.safeParse(name).success) return err({ code: "BAD_ACCOUNT_NAME", name });
  const signer = { url: wish.signer.url, keyId: wish.signer.keyId, tokenFile: wish.signer.tokenFile ?? null };
  const { address } = await openSigner(signer);
  const own = recipient === undefined ? await generateHybridIdentity() : undefined;
  const sealed = own && (await sealWithPassphrase(own, (await passphrase?.()) ?? "", wish.seal));
  const file = institutionFile.safeParse({
    format: "cos-institution-account/1",
    name,
    address,
    recipient: recipient ?? (await identityToRecipient(own ?? "")),
    issuer,
    signer,
    sealed: sealed === undefined ? null : Buffer.from(sealed).toString("base64"),
  });
  if (!file.success) {
    throw new CosFailure("usage", "BAD_ARGUMENT", "the account cannot be described", {
      facts: { field: file.error.issues[0]?.path.join(".") ?? "" },
    });
  }
  const written = await writeNewSecretFile(pathOf(home, name), `${JSON.stringify(file.data, null, 2)}\n`);
  return written
    ? ok({ name, address, recipient: file.data.recipient })
    : err({ code: "ACCOUNT_EXISTS", name });
}

/** The file of an institution's account; undefined where the name is another kind of account's, or nobody's. */
export async function readInstitution(home: CosHome, name: string): Promise<InstitutionFile | undefined> {
  if (!accountName.safeParse(name).success) return undefined;
  const text = await readFile(pathOf(home, name), "utf8").catch(() => "{}");
  const parsed = institutionFile.safeParse(parseJson(text));
  return parsed.success ? parsed.data : undefined;
}

/**
 * The account, ready to sign by its signer. The passphrase is asked for when a release is opened here, and not before.
 * @errors `CosFailure`: the signer's, and `SIGNER_OTHER_KEY` when it holds another key than the account's
 */
export async function openInstitution(
  file: InstitutionFile,
  signIn: Account["identityProvider"],
  releaseKey: () => Promise<string>,
): Promise<Account> {
  const { name, recipient } = file;
  const signer = await openSigner(file.signer);
  if (signer.address !== file.address) {
    throw new CosFailure("integrity", "SIGNER_OTHER_KEY", "the signer holds another key than the account's", {
      facts: { address: file.address, signer: signer.address },
    });
  }
  return {
    name,
    address: asAddress(file.address),
    recipient,
    wallet: new RemoteSigner(signer),
    releaseKey,
    ...(signIn === undefined ? {} : { identityProvider: signIn }),
  };
}

/** The key that opens releases to the account. @errors `RELEASE_KEY_ELSEWHERE`, `WRONG_PASSPHRASE` */
export async function openReleaseKey(
  { name, recipient, sealed }: InstitutionFile,
  passphrase: () => Promise<string>,
): Promise<Result<string, AccountError>> {
  if (sealed === null) {
    throw new CosFailure("refused", "RELEASE_KEY_ELSEWHERE", `releases to '${name}' are opened elsewhere`, {
      facts: { recipient },
      hint: "the holder of this recipient's key opens the file with any age program",
    });
  }
  const opened = await openWithPassphrase(Buffer.from(sealed, "base64"), await passphrase());
  return opened.ok ? ok(Buffer.from(opened.value).toString("utf8")) : opened;
}

async function openSigner({ url, keyId, tokenFile }: InstitutionFile["signer"]): Promise<DigestSigner> {
  if (tokenFile === null) return openHttpSigner({ url, keyId });
  const token = await readFile(tokenFile, "utf8").catch(() => {
    throw new CosFailure("usage", "FILE_UNREADABLE", "the file with the signer's token cannot be read", {
      facts: { file: tokenFile },
    });
  });
  return openHttpSigner({ url, keyId, token: token.trim() });
}

const pathOf = (home: CosHome, name: string): string => join(home.accounts, `${name}.json`);
