import { randomBytes } from "node:crypto";
import type { Digest, Result } from "@cos/protocol";
import { asDigest } from "@cos/protocol/digest";
import { err, ok } from "@cos/protocol/result";
import type { SecretKey } from "node-seal/allows";
import { type Context, contextOf, datasetContextDigest } from "./context.ts";
import type { Profile } from "./profile.ts";
import { findProfile, profiles } from "./profiles.ts";
import { loadSeal, type Seal, toSealContext } from "./seal.ts";

/**
 * The secret key of one dataset (or declared collection): one ternary secret per profile, as SEAL serialises it.
 * Whoever holds it reads the data; destroying it erases them. It never leaves the owner's side.
 */
export type DatasetKey = {
  /** Random public name of the key; says nothing about it. */
  keyId: Digest;
  /** Profile name -> SEAL's uncompressed secret key bytes. */
  secrets: ReadonlyMap<string, Uint8Array>;
};

/** Draws a fresh key: SEAL samples the secrets from the system's generator. */
export async function generateDatasetKey(chosen: readonly Profile[] = profiles): Promise<DatasetKey> {
  const seal = await loadSeal();
  const secrets = new Map<string, Uint8Array>();
  for (const profile of chosen) {
    const context = toSealContext(seal, profile);
    const generator = new seal.KeyGenerator(context);
    const key = generator.secretKey();
    secrets.set(profile.name, (key.saveToArray(seal.ComprModeType.none) as Uint8Array).slice());
    key.delete();
    generator.delete();
    context.delete();
  }
  return { keyId: asDigest(`0x${randomBytes(32).toString("hex")}`), secrets };
}

/** The contexts under a key, in the order in which this version lists profiles. */
export function contextsOf(key: DatasetKey): Context[] {
  return profiles.filter((p) => key.secrets.has(p.name)).map((p) => contextOf(p, key.keyId));
}

/** What the chain knows as the dataset's context. */
export const contextDigestOf = (key: DatasetKey): Digest => datasetContextDigest(contextsOf(key));

export type KeyError =
  /** Not the bytes that `exportDatasetKey` writes, or a secret that SEAL refuses. */
  | { code: "KEY_MALFORMED"; detail: string }
  /** The key holds no secret for this profile. */
  | { code: "KEY_LACKS_PROFILE"; profile: string };

const magic = new TextEncoder().encode("COSK");
const version = 1;
const maxSecretBytes = 1 << 22;

/**
 * The whole key as bytes: magic, version, key id, then name and secret of each profile. In the clear: the caller
 * encrypts it (keystore, recovery kit) and overwrites the bytes.
 */
export function exportDatasetKey(key: DatasetKey): Uint8Array {
  const parts: Uint8Array[] = [magic, u32(version), fromHex(key.keyId), u32(key.secrets.size)];
  for (const [name, secret] of key.secrets) {
    const nameBytes = new TextEncoder().encode(name);
    parts.push(u32(nameBytes.length), nameBytes, u32(secret.length), secret);
  }
  return new Uint8Array(Buffer.concat(parts));
}

/** @errors `KEY_MALFORMED` */
export async function importDatasetKey(bytes: Uint8Array): Promise<Result<DatasetKey, KeyError>> {
  const malformed = (detail: string) => err({ code: "KEY_MALFORMED", detail } as const);
  if (bytes.length < 44 || Buffer.compare(bytes.subarray(0, 4), magic) !== 0) return malformed("not a key");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(4, true) !== version) return malformed("unknown version");
  const keyId = asDigest(`0x${Buffer.from(bytes.subarray(8, 40)).toString("hex")}`);
  const count = view.getUint32(40, true);
  if (count < 1 || count > 64) return malformed("count of secrets");
  const secrets = new Map<string, Uint8Array>();
  let at = 44;
  const take = (max: number): Uint8Array | undefined => {
    if (at + 4 > bytes.length) return undefined;
    const size = view.getUint32(at, true);
    if (size > max || at + 4 + size > bytes.length) return undefined;
    at += 4 + size;
    return new Uint8Array(bytes.subarray(at - size, at)); // a Buffer's slice is a view, which SEAL misreads
  };
  const seal = await loadSeal();
  for (let i = 0; i < count; i += 1) {
    const nameBytes = take(128);
    const secret = take(maxSecretBytes);
    if (nameBytes === undefined || secret === undefined) return malformed("truncated");
    const profile = findProfile(new TextDecoder().decode(nameBytes));
    if (!profile.ok) return malformed("unknown profile");
    const checked = loadSecret(seal, profile.value, secret);
    if (checked === undefined) return malformed(`secret of ${profile.value.name}`);
    checked.delete();
    secrets.set(profile.value.name, secret);
  }
  return at === bytes.length ? ok({ keyId, secrets }) : malformed("bytes left over");
}

/** Overwrites the secrets in memory. The key is unusable afterwards. */
export function eraseDatasetKey(key: DatasetKey): void {
  for (const secret of key.secrets.values()) secret.fill(0);
}

/** SEAL's key object, or undefined when SEAL refuses the bytes. The caller deletes it. */
export function loadSecret(seal: Seal, profile: Profile, bytes: Uint8Array): SecretKey | undefined {
  const context = toSealContext(seal, profile);
  const key = new seal.SecretKey();
  try {
    key.loadFromArray(context, bytes);
    return key;
  } catch {
    key.delete();
    return undefined;
  } finally {
    context.delete();
  }
}

function u32(value: number): Uint8Array {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value, true);
  return out;
}

const fromHex = (digest: Digest): Uint8Array => Buffer.from(digest.slice(2), "hex");
