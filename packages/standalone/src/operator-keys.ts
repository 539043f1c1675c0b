import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { hexlify } from "ethers";
import { z } from "zod";

const privateKey = z.string().regex(/^0x[0-9a-f]{64}$/);

const keysSchema = z.strictObject({
  format: z.literal("cos-operator-keys/1"),
  /** Deploys and administers: a timelock in production. */
  admin: privateKey,
  /** Posts results; permits name it as operator. */
  settler: privateKey,
  /** Logs ticket uses. */
  usage: privateKey,
  /** Attests regions. */
  oracle: privateKey,
  arbiter: privateKey,
  pauser: privateKey,
  /** Approves programs. */
  curator: privateKey,
  /** Author of the built-in programs. */
  author: privateKey,
  /** Mints development credits. */
  minter: privateKey,
  /** The gateway's identity, which region attestations name. */
  gateway: privateKey,
  /** One per worker, in order. */
  workers: z.array(privateKey),
  /** What internal calls carry. */
  serviceToken: z.string().regex(/^[0-9a-f]{64}$/),
});
/** The operator's keys, one per duty. None of them opens anybody's data. */
export type OperatorKeys = z.infer<typeof keysSchema>;

const freshKey = (): string => hexlify(randomBytes(32));

/** Reads the keys of a data folder, or makes them (0600). More workers than before get fresh keys; none is dropped. */
export async function operatorKeys(dataDir: string, workers: number): Promise<OperatorKeys> {
  const path = join(dataDir, "operator-keys.json");
  const known = await read(path);
  const keys: OperatorKeys = known ?? {
    format: "cos-operator-keys/1",
    admin: freshKey(),
    settler: freshKey(),
    usage: freshKey(),
    oracle: freshKey(),
    arbiter: freshKey(),
    pauser: freshKey(),
    curator: freshKey(),
    author: freshKey(),
    minter: freshKey(),
    gateway: freshKey(),
    workers: [],
    serviceToken: randomBytes(32).toString("hex"),
  };
  const missing = Math.max(0, workers - keys.workers.length);
  if (known !== undefined && missing === 0) return keys;
  const complete = { ...keys, workers: [...keys.workers, ...Array.from({ length: missing }, freshKey)] };
  await write(path, complete);
  return complete;
}

async function read(path: string): Promise<OperatorKeys | undefined> {
  try {
    return keysSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`${path} is no file of operator keys`, { cause });
  }
}

async function write(path: string, keys: OperatorKeys): Promise<void> {
  await mkdir(join(path, ".."), { recursive: true, mode: 0o700 });
  const draft = `${path}.part`;
  const file = await open(draft, "w", 0o600);
  try {
    await file.writeFile(`${JSON.stringify(keys, null, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
}
