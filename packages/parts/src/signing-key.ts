import { openHttpSigner, RemoteSigner } from "@cos/chain";
import { Wallet } from "ethers";
import { readSecret } from "./read-secret.ts";
import type { Unwinder } from "./unwinder.ts";
import { wireFetch } from "./wire-authority.ts";

/** Where a signing key is: in a file, or under a name at a signer. */
export type SignerSettings = {
  readonly keyFile: string | undefined;
  readonly keyId: string | undefined;
  readonly url: string | undefined;
  readonly tokenFile: string | undefined;
  /** Who certified the signer; public authorities when left out. */
  readonly caFile: string | undefined;
};

/** A secp256k1 key from its file. */
export async function readWallet(file: string): Promise<Wallet> {
  return new Wallet(await readSecret(file));
}

/**
 * A key in a file, or one that a signer holds and never shows.
 * @param setting what its settings begin with, for faults: `COS_SETTLEMENT_SETTLER`
 * @param signer what the signer's settings begin with: `COS_SETTLEMENT_SIGNER`
 * @throws TlsSettingError when the signer's authority cannot be used
 */
export async function openSigningKey(
  setting: string,
  signer: string,
  { keyFile, keyId, url, tokenFile, caFile }: SignerSettings,
  ends: Unwinder,
): Promise<Wallet | RemoteSigner> {
  if ((keyFile === undefined) === (keyId === undefined)) {
    throw new Error(`set either ${setting}_KEY_FILE or ${setting}_KEY_ID`);
  }
  if (keyFile !== undefined) return readWallet(keyFile);
  if (keyId === undefined || url === undefined)
    throw new Error(`${setting}_KEY_ID needs the URL of its signer`);
  const token = tokenFile === undefined ? {} : { token: await readSecret(tokenFile) };
  const call = await wireFetch(`${signer}_CA_FILE`, caFile, url, ends);
  return new RemoteSigner(await openHttpSigner({ url, keyId, ...token, fetch: call }));
}
