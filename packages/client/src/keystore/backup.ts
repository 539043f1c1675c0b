import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Digest } from "@cos/protocol";
import { CosFailure } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import { writeSecretFile } from "../home/secret-file.ts";
import { type AccountInfo, type LocalAccount, readAccount, storeAccount } from "./account.ts";
import { accountFailure } from "./account-failure.ts";
import type { SealOptions } from "./age-seal.ts";
import { DatasetVault } from "./dataset-vault.ts";
import { openKit, type RecoveryKit, sealKit } from "./recovery-kit.ts";
import { readLedger, writeLedger } from "./release-ledger.ts";

/** Gathers accounts and dataset secrets into a kit in memory. */
export async function gatherKit(
  home: CosHome,
  accounts: readonly LocalAccount[],
  keyIds: readonly Digest[],
  passphrase: string,
): Promise<RecoveryKit> {
  const vault = new DatasetVault(home);
  const owner = accounts[0];
  const datasets: RecoveryKit["datasets"] = [];
  for (const keyId of keyIds) {
    const secret = await vault.open(keyId, passphrase);
    const notes = await vault.notes(keyId);
    datasets.push({
      keyId,
      name: notes?.name ?? keyId,
      datasetId: notes?.datasetId ?? null,
      chainId: notes?.chainId ?? null,
      registry: notes?.registry ?? null,
      secret: Buffer.from(secret).toString("base64"),
      ledger: owner === undefined ? [] : await readLedger(home, owner, keyId),
    });
    secret.fill(0);
  }
  return {
    format: "cos-keystore-kit/1",
    accounts: accounts.map(({ name, wallet, ageIdentity }) => ({
      name,
      secret: { privateKey: wallet.privateKey, ageIdentity },
    })),
    datasets,
  };
}

/** Writes a kit beside nothing else: one file, under a passphrase. */
export async function writeKit(
  path: string,
  kit: RecoveryKit,
  passphrase: string,
  options: SealOptions = {},
): Promise<{ path: string; sha256: string; sizeBytes: number }> {
  const sealed = await sealKit(kit, passphrase, options);
  await writeSecretFile(path, sealed);
  return { path, sha256: createHash("sha256").update(sealed).digest("hex"), sizeBytes: sealed.length };
}

export async function readKit(path: string, passphrase: string): Promise<RecoveryKit> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ENOENT") throw cause;
    throw new CosFailure("not-found", "KIT_MISSING", `there is no recovery kit at ${path}`);
  });
  const kit = await openKit(bytes, passphrase);
  if (kit.ok) return kit.value;
  throw kit.error.code === "WRONG_PASSPHRASE"
    ? new CosFailure("refused", "WRONG_PASSPHRASE", "the passphrase does not open the recovery kit", {
        hint: "a kit has the passphrase that it was written with",
      })
    : new CosFailure("integrity", "KIT_MALFORMED", "the file opens, but is no recovery kit");
}

export type KitCheck = {
  readonly keyId: string;
  readonly name: string;
  /** The kit's secret is, byte for byte, the keystore's present one. */
  readonly matches: boolean;
};

/**
 * Tests a restore without changing any key: opens the kit from disk and compares each secret with the keystore's. A
 * dataset whose secret matches may be published from then on.
 */
export async function checkKit(home: CosHome, kit: RecoveryKit, passphrase: string): Promise<KitCheck[]> {
  const vault = new DatasetVault(home);
  const checks: KitCheck[] = [];
  for (const { keyId, name, secret } of kit.datasets) {
    const known = await vault.notes(keyId as Digest);
    const present = known === undefined ? undefined : await vault.open(keyId as Digest, passphrase);
    const matches = present !== undefined && Buffer.compare(present, Buffer.from(secret, "base64")) === 0;
    present?.fill(0);
    if (matches) await vault.markRestoreTested(keyId as Digest);
    checks.push({ keyId, name, matches });
  }
  return checks;
}

export type Restored = { readonly accounts: AccountInfo[]; readonly datasets: string[] };

/** Puts a kit's keys into a keystore. What is there already must be the same; nothing is overwritten. */
export async function restoreKit(
  home: CosHome,
  kit: RecoveryKit,
  passphrase: string,
  options: SealOptions = {},
): Promise<Restored> {
  const vault = new DatasetVault(home);
  const accounts: AccountInfo[] = [];
  for (const { name, secret } of kit.accounts)
    accounts.push(await restoreAccount(home, name, secret, passphrase, options));
  for (const dataset of kit.datasets) {
    const keyId = dataset.keyId as Digest;
    const secret = Buffer.from(dataset.secret, "base64");
    if ((await vault.notes(keyId)) !== undefined) {
      const present = await vault.open(keyId, passphrase);
      if (Buffer.compare(present, secret) !== 0) {
        throw new CosFailure("refused", "KEY_DIFFERS", "the keystore holds a newer secret for this dataset", {
          facts: { keyId },
          hint: "restore into an empty --home if you need the kit's",
        });
      }
      continue;
    }
    await vault.store(keyId, dataset.name, secret, passphrase, options);
    if (dataset.datasetId !== null && dataset.chainId !== null && dataset.registry !== null) {
      const { datasetId, chainId, registry } = dataset;
      await vault.link(keyId, { datasetId, chainId, registry });
    }
    await vault.markRestoreTested(keyId);
    const recipient = accounts[0]?.recipient;
    if (recipient !== undefined && Array.isArray(dataset.ledger)) {
      await writeLedger(home, recipient, keyId, dataset.ledger);
    }
  }
  return { accounts, datasets: kit.datasets.map((dataset) => dataset.keyId) };
}

async function restoreAccount(
  home: CosHome,
  name: string,
  secret: RecoveryKit["accounts"][number]["secret"],
  passphrase: string,
  options: SealOptions,
): Promise<AccountInfo> {
  const stored = await storeAccount(home, name, secret, passphrase, options);
  if (stored.ok) return stored.value;
  if (stored.error.code !== "ACCOUNT_EXISTS") throw accountFailure(stored.error);
  const present = await readAccount(home, name);
  if (!present.ok) throw accountFailure(present.error);
  return present.value;
}
