import { chmod, link, mkdir, open, readFile, rename, unlink } from "node:fs/promises";
import { dirname } from "node:path";
import { err, ok, type Result } from "@cos/protocol";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from "jose";
import { z } from "zod";
import type { KeyView, RotateKeys, SigningKeys } from "../app/signing-keys.ts";
import { scheduleOf } from "../domain/key-schedule.ts";
import { type Refusal, refusal } from "../domain/refusal.ts";
import type { SigningKey } from "./jose-tokens.ts";

const okp = z.looseObject({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: z.string().regex(/^[\w-]{43}$/),
  d: z.string().regex(/^[\w-]{43}$/),
});
const ringFile = z.strictObject({
  format: z.literal("cos-signing-keys/1"),
  keys: z.array(z.strictObject({ signsFrom: z.int().min(0), jwk: okp })).min(1),
});

export type KeyRingOptions = {
  /** Unix seconds. */
  readonly now: () => number;
  /** The longest life of a token, seconds: so long a key that no longer signs still checks. */
  readonly tokenSeconds: number;
  /** How long a key is published before it signs, seconds: longer than anybody keeps a JWKS. */
  readonly leadSeconds: number;
  /** Runs a change while no other gateway on the same file makes one. */
  readonly alone: <T>(change: () => Promise<T>) => Promise<T>;
};

type RingKey = SigningKey & { readonly signsFrom: number; readonly jwk: z.output<typeof okp> };

/**
 * The gateway's EdDSA keys in one file (mode 0600), which replicas may share: made at the first start, replaced whole at a
 * rotation, read again by `refresh`. A file that holds something else stops the start: a gateway must not silently
 * change its identity.
 */
export class KeyRing implements SigningKeys {
  readonly #path: string;
  readonly #options: KeyRingOptions;
  #keys: readonly RingKey[];

  private constructor(path: string, options: KeyRingOptions, keys: readonly RingKey[]) {
    this.#path = path;
    this.#options = options;
    this.#keys = keys;
  }

  static async open(path: string, options: KeyRingOptions): Promise<KeyRing> {
    const keys = (await readRing(path)) ?? (await createRing(path));
    return new KeyRing(path, options, keys);
  }

  /** What signs now. */
  signing(): SigningKey {
    const { kid } = this.#schedule().find(({ state }) => state === "signing") ?? {};
    const key = this.#keys.find((each) => each.kid === kid);
    if (key === undefined) throw new Error("no signing key counts yet: the clock stands before the first");
    return key;
  }

  /** A key by the id in a token's header, while its tokens may live. */
  find(kid: string | undefined): SigningKey | undefined {
    const lives = this.#schedule().some((each) => each.kid === kid);
    return lives ? this.#keys.find((each) => each.kid === kid) : undefined;
  }

  /** Public halves, for everybody. */
  published(): JWK[] {
    const lives = new Set(this.#schedule().map(({ kid }) => kid));
    return this.#keys.filter(({ kid }) => lives.has(kid)).map(({ publicJwk }) => publicJwk);
  }

  list(): KeyView[] {
    return this.#views(this.#keys);
  }

  /** Takes up what another gateway wrote. A file that cannot be read leaves everything as it is. */
  async refresh(): Promise<void> {
    this.#keys = (await readRing(this.#path)) ?? this.#keys;
  }

  rotate({ dryRun, compromised }: RotateKeys): Promise<Result<KeyView[], Refusal>> {
    const { now, leadSeconds, alone } = this.#options;
    return alone(async () => {
      await this.refresh();
      const live = this.#schedule();
      const pending = live.find(({ state }) => state === "published");
      if (pending !== undefined && !compromised) {
        return err(refusal("ROTATION_PENDING", { signsFrom: pending.signsFrom }));
      }
      const signsFrom = now() + (compromised ? 0 : leadSeconds);
      const kept = compromised ? [] : this.#keys.filter(({ kid }) => live.some((each) => each.kid === kid));
      if (dryRun) return ok(this.#views([...kept, { kid: "", signsFrom }]));
      const keys = [...kept, await toRingKey({ signsFrom, jwk: await newJwk() })];
      await writeRing(this.#path, keys);
      this.#keys = keys;
      return ok(this.list());
    });
  }

  #schedule() {
    const { now, tokenSeconds } = this.#options;
    return scheduleOf(this.#keys, now(), tokenSeconds);
  }

  #views(keys: readonly { kid: string; signsFrom: number }[]): KeyView[] {
    const { now, tokenSeconds } = this.#options;
    return scheduleOf(keys, now(), tokenSeconds);
  }
}

async function newJwk(): Promise<z.output<typeof okp>> {
  const { privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  return okp.parse(await exportJWK(privateKey));
}

async function toRingKey({ signsFrom, jwk }: Pick<RingKey, "signsFrom" | "jwk">): Promise<RingKey> {
  const { kty, crv, x } = jwk;
  const publicPart: JWK = { kty, crv, x };
  const kid = await calculateJwkThumbprint(publicPart);
  const [privateKey, publicKey] = await Promise.all([
    importJWK(jwk, "EdDSA"),
    importJWK(publicPart, "EdDSA"),
  ]);
  if (privateKey instanceof Uint8Array || publicKey instanceof Uint8Array) {
    throw new TypeError("an Ed25519 key is no shared secret");
  }
  const publicJwk: JWK = { ...publicPart, kid, alg: "EdDSA", use: "sig" };
  return { signsFrom, jwk, privateKey, publicKey, kid, publicJwk };
}

async function readRing(path: string): Promise<RingKey[] | undefined> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error("the signing key file cannot be read", { cause: error });
  }
  const entries = parse(text);
  if (entries === undefined) throw new Error("the signing key file does not hold Ed25519 private keys");
  return Promise.all(entries.map(toRingKey));
}

/** The file as it is now, or a single JWK as it was before keys rotated. */
function parse(text: string): Pick<RingKey, "signsFrom" | "jwk">[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  const single = okp.safeParse(json);
  if (single.success) return [{ signsFrom: 0, jwk: single.data }];
  const ring = ringFile.safeParse(json);
  return ring.success ? ring.data.keys : undefined;
}

const toText = (keys: readonly RingKey[]): string =>
  JSON.stringify({
    format: "cos-signing-keys/1",
    keys: keys.map(({ signsFrom, jwk: { kty, crv, x, d } }) => ({ signsFrom, jwk: { kty, crv, x, d } })),
  });

/** Of two processes that start at once, one writes and the other reads what it wrote. */
async function createRing(path: string): Promise<RingKey[]> {
  const keys = [await toRingKey({ signsFrom: 0, jwk: await newJwk() })];
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const fresh = `${path}.${process.pid}.new`;
  await writeSynced(fresh, toText(keys));
  try {
    await link(fresh, path); // Fails where a file is, and never shows half of one.
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await unlink(fresh);
  }
  return (await readRing(path)) ?? keys;
}

async function writeRing(path: string, keys: readonly RingKey[]): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  await writeSynced(fresh, toText(keys));
  await rename(fresh, path);
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, "w", 0o600);
  try {
    await chmod(path, 0o600);
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}
