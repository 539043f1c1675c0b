import { chmod, mkdir, open, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import type { SigningKey } from "./jose-tokens.ts";

/**
 * Loads the gateway's EdDSA key from a JWK file (mode 0600), or makes one there on the first start.
 * Throws when the file exists but holds something else: a gateway must not silently change its identity.
 */
export async function loadSigningKey(path: string): Promise<SigningKey> {
  const jwk = (await readJwk(path)) ?? (await createJwk(path));
  const { kty, crv, x } = jwk;
  if (kty !== "OKP" || crv !== "Ed25519" || x === undefined || jwk.d === undefined) {
    throw new Error("the signing key file does not hold an Ed25519 private key");
  }
  const publicPart: JWK = { kty, crv, x };
  const kid = await calculateJwkThumbprint(publicPart);
  const [privateKey, publicKey] = await Promise.all([
    importJWK(jwk, "EdDSA"),
    importJWK(publicPart, "EdDSA"),
  ]);
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) {
    throw new Error("the signing key file does not hold an Ed25519 private key");
  }
  return { privateKey, publicKey, kid, publicJwk: { ...publicPart, kid, alg: "EdDSA", use: "sig" } };
}

async function readJwk(path: string): Promise<JWK | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as JWK;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error("the signing key file cannot be read", { cause: error });
  }
}

/** Of two processes that start at once, one writes and the other reads what it wrote. */
async function createJwk(path: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  const jwk = await exportJWK(privateKey);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(JSON.stringify(jwk));
    await file.sync();
    await file.close();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const existing = await readJwk(path);
    if (existing === undefined) throw error;
    return existing;
  }
  await chmod(path, 0o600);
  return jwk;
}
