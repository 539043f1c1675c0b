import { err, ok, type Result } from "@cos/protocol";
import { Decrypter, Encrypter } from "age-encryption";

/** Base-2 logarithm of scrypt's work factor: age's own default, about a second. Tests may lower it, nothing else should. */
export const defaultScryptLogN = 18;

export type SealOptions = { readonly scryptLogN?: number };

/** Encrypts bytes under a passphrase (age, scrypt). */
export async function sealWithPassphrase(
  bytes: Uint8Array | string,
  passphrase: string,
  { scryptLogN = defaultScryptLogN }: SealOptions = {},
): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.setScryptWorkFactor(scryptLogN);
  encrypter.setPassphrase(passphrase);
  return encrypter.encrypt(bytes);
}

/** @errors `WRONG_PASSPHRASE` when it does not open, or the file was changed */
export async function openWithPassphrase(
  sealed: Uint8Array,
  passphrase: string,
): Promise<Result<Uint8Array, { code: "WRONG_PASSPHRASE" }>> {
  const decrypter = new Decrypter();
  decrypter.addPassphrase(passphrase);
  try {
    return ok(await decrypter.decrypt(sealed));
  } catch {
    return err({ code: "WRONG_PASSPHRASE" });
  }
}

/** Encrypts bytes to recipients `age1pq1…` (hybrid X25519 + ML-KEM-768) or `age1…`. */
export async function sealTo(bytes: Uint8Array | string, recipients: readonly string[]): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return encrypter.encrypt(bytes);
}

/** @errors `NOT_FOR_THIS_KEY` when the identity is not a recipient, or the file was changed */
export async function openWithIdentity(
  sealed: Uint8Array,
  identity: string,
): Promise<Result<Uint8Array, { code: "NOT_FOR_THIS_KEY" }>> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  try {
    return ok(await decrypter.decrypt(sealed));
  } catch {
    return err({ code: "NOT_FOR_THIS_KEY" });
  }
}

/** Whether a text is a post-quantum hybrid recipient, the only kind that releases are sealed to. */
export const isHybridRecipient = (text: string): boolean => /^age1pq1[02-9ac-hj-np-z]{1900,2100}$/.test(text);
