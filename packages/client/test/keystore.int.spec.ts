import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asDigest, type Digest } from "@cos/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type CosHome, cosHome } from "../src/home/cos-home.ts";
import { listAccounts, newAccountSecret, storeAccount, unlockAccount } from "../src/keystore/account.ts";
import { isHybridRecipient, openWithIdentity, sealTo } from "../src/keystore/age-seal.ts";
import { checkKit, gatherKit, readKit, restoreKit, writeKit } from "../src/keystore/backup.ts";
import { DatasetVault } from "../src/keystore/dataset-vault.ts";
import { readLedger, writeLedger } from "../src/keystore/release-ledger.ts";

const cheap = { scryptLogN: 8 };
const passphrase = "correct horse battery";
const keyId = asDigest(`0x${"ab".repeat(32)}`);
const secret = new TextEncoder().encode("the secret of a dataset, 4f1c9e");

let folder: string;
let home: CosHome;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-keystore-"));
  home = cosHome(join(folder, "home"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function makeAccount(name = "owner") {
  const keys = await newAccountSecret();
  const stored = await storeAccount(home, name, keys, passphrase, cheap);
  expect(stored.ok).toBe(true);
  const account = await unlockAccount(home, name, passphrase);
  if (!account.ok) throw new Error(account.error.code);
  return { keys, account: account.value };
}

/** Every file below a folder, with its mode. */
async function filesBelow(dir: string): Promise<{ path: string; mode: number; bytes: Buffer }[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(
    files.map(async (path) => ({ path, mode: (await stat(path)).mode & 0o777, bytes: await readFile(path) })),
  );
}

describe("accounts", () => {
  it("opens with the passphrase alone, and names what a release is sealed to", async () => {
    const { keys, account } = await makeAccount();
    expect(account.wallet.privateKey).toBe(keys.privateKey);
    expect(isHybridRecipient(account.recipient)).toBe(true);
    expect(await unlockAccount(home, "owner", "wrong")).toMatchObject({
      error: { code: "WRONG_PASSPHRASE" },
    });
    expect(await unlockAccount(home, "nobody", passphrase)).toMatchObject({
      error: { code: "ACCOUNT_UNKNOWN" },
    });
    expect(await listAccounts(home)).toMatchObject([{ name: "owner", address: account.address }]);
  });

  it("never overwrites keys, and takes no path for a name", async () => {
    await makeAccount();
    const other = await newAccountSecret();
    const again = await storeAccount(home, "owner", other, passphrase, cheap);
    expect(again).toMatchObject({ ok: false, error: { code: "ACCOUNT_EXISTS" } });
    for (const name of ["../owner", "a/b", "", "Owner", ".hidden", "x".repeat(64)]) {
      const refused = await storeAccount(home, name, other, passphrase, cheap);
      expect(refused).toMatchObject({ ok: false, error: { code: "BAD_ACCOUNT_NAME" } });
    }
  });

  it("keeps files to their owner, with no key in the clear", async () => {
    const { keys } = await makeAccount();
    await new DatasetVault(home).store(keyId, "mice", secret, passphrase, cheap);
    const files = await filesBelow(home.dir);
    expect(files.length).toBeGreaterThanOrEqual(3);
    for (const { mode, bytes } of files) {
      expect(mode).toBe(0o600);
      const text = bytes.toString("latin1");
      expect(text).not.toContain(keys.privateKey.slice(2));
      expect(text).not.toContain(keys.ageIdentity);
      expect(text).not.toContain("4f1c9e");
    }
  });

  it("says that a key file was damaged, and does not open it", async () => {
    await makeAccount();
    const path = join(home.accounts, "owner.json");
    await chmod(path, 0o600);
    await writeFile(path, (await readFile(path, "utf8")).slice(0, -40));
    expect(await unlockAccount(home, "owner", passphrase)).toMatchObject({
      error: { code: "ACCOUNT_MALFORMED" },
    });
  });
});

describe("releases", () => {
  it("opens for the recipient alone, and not after a change", async () => {
    const { account: grantee } = await makeAccount("grantee");
    const { account: stranger } = await makeAccount("stranger");
    const sealed = await sealTo("a table", [grantee.recipient]);
    const opened = await openWithIdentity(sealed, grantee.ageIdentity);
    expect(opened.ok && Buffer.from(opened.value).toString()).toBe("a table");
    expect(await openWithIdentity(sealed, stranger.ageIdentity)).toMatchObject({ ok: false });
    const changed = sealed.slice();
    changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
    expect(await openWithIdentity(changed, grantee.ageIdentity)).toMatchObject({ ok: false });
  });
});

describe("the recovery kit", () => {
  it("restores account, secret and ledger on an empty machine", async () => {
    const { account } = await makeAccount();
    const vault = new DatasetVault(home);
    await vault.store(keyId, "mice", secret, passphrase, cheap);
    await vault.link(keyId, { datasetId: "7", chainId: 31_337, registry: `0x${"11".repeat(20)}` });
    await writeLedger(home, account.recipient, keyId, [ledgerEntry]);
    const path = join(folder, "kit.age");
    await writeKit(path, await gatherKit(home, [account], [keyId], passphrase), passphrase, cheap);

    const empty = cosHome(join(folder, "empty"));
    await restoreKit(empty, await readKit(path, passphrase), "another passphrase", cheap);
    const restored = await unlockAccount(empty, "owner", "another passphrase");
    if (!restored.ok) throw new Error(restored.error.code);
    expect(restored.value.wallet.privateKey).toBe(account.wallet.privateKey);
    const there = new DatasetVault(empty);
    expect(Buffer.from(await there.open(keyId, "another passphrase"))).toEqual(Buffer.from(secret));
    expect(await there.notes(keyId)).toMatchObject({ name: "mice", datasetId: "7" });
    expect(await there.isRestoreTested(keyId)).toBe(true);
    expect(await readLedger(empty, restored.value, keyId)).toEqual([ledgerEntry]);
  });

  it("counts as tested for exactly the secret that it holds", async () => {
    const { account } = await makeAccount();
    const vault = new DatasetVault(home);
    await vault.store(keyId, "mice", secret, passphrase, cheap);
    const kit = await gatherKit(home, [account], [keyId], passphrase);
    expect(await vault.isRestoreTested(keyId)).toBe(false);
    expect(await checkKit(home, kit, passphrase)).toEqual([{ keyId, name: "mice", matches: true }]);
    expect(await vault.isRestoreTested(keyId)).toBe(true);

    await vault.store(keyId, "mice", new TextEncoder().encode("more people"), passphrase, cheap);
    expect(await vault.isRestoreTested(keyId)).toBe(false);
    expect(await checkKit(home, kit, passphrase)).toMatchObject([{ matches: false }]);
    expect(await vault.isRestoreTested(keyId)).toBe(false);
  });

  it("refuses a wrong passphrase, a changed kit, and to replace a newer secret", async () => {
    const { account } = await makeAccount();
    const vault = new DatasetVault(home);
    await vault.store(keyId, "mice", secret, passphrase, cheap);
    const path = join(folder, "kit.age");
    const kit = await gatherKit(home, [account], [keyId], passphrase);
    await writeKit(path, kit, passphrase, cheap);
    await expect(readKit(path, "wrong")).rejects.toMatchObject({ code: "WRONG_PASSPHRASE", kind: "refused" });
    await expect(readKit(join(folder, "none"), passphrase)).rejects.toMatchObject({ kind: "not-found" });
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 1));
    await expect(readKit(path, passphrase)).rejects.toMatchObject({ code: "WRONG_PASSPHRASE" });
    await vault.store(keyId, "mice", new TextEncoder().encode("newer"), passphrase, cheap);
    await expect(restoreKit(home, kit, passphrase, cheap)).rejects.toMatchObject({ code: "KEY_DIFFERS" });
    expect(Buffer.from(await vault.open(keyId, passphrase)).toString()).toBe("newer");
  });
});

const digest = (byte: string): Digest => asDigest(`0x${byte.repeat(32)}`);
const ledgerEntry = {
  permitId: digest("01"),
  datasetId: "7",
  version: 1,
  algorithmId: digest("02"),
  paramsHash: digest("03"),
  class: "controlled" as const,
  traitFamily: "tufted",
  cohort: [[0, 100] as [number, number]],
  tableDigest: digest("04"),
  releaseCommitment: digest("05"),
  salt: digest("06"),
  approvedBy: ["0xa", "0xb"],
  leads: [],
  releasedAt: 1_800_000_000,
};
