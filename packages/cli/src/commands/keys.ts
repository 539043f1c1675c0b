import { join } from "node:path";
import {
  accountFailure,
  CosFailure,
  checkKit,
  DatasetVault,
  ensureIdentity,
  gatherKit,
  listAccounts,
  newAccountSecret,
  readKit,
  restoreKit,
  storeAccount,
  writeKit,
} from "@cos/client";
import type { Digest } from "@cos/protocol";
import type { Command } from "commander";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { type CommandResult, table } from "../output.ts";

/** `cos keys …`: accounts, dataset keys and their recovery kits. */
export function addKeysCommands(program: Command, act: Act): void {
  const keys = program.command("keys").description("accounts, dataset keys and recovery kits");
  keys
    .command("new")
    .description("make an account: a key for signatures and transactions, a hybrid key to receive releases")
    .option("--name <name>", "the account's name (or --account)")
    .option("--no-identity", "do not mint its identity on the chain")
    .action(act(newKeys));
  keys
    .command("identity")
    .description("mint the account's identity on the chain, if it has none")
    .action(act(mintIdentity));
  keys
    .command("list")
    .description("accounts and dataset keys of this keystore; needs no passphrase")
    .action(act(listKeys));
  keys
    .command("backup")
    .description("write a recovery kit: account, dataset keys, row permutations, sample maps, ledgers")
    .requiredOption("--out <file>", "where to write the kit")
    .action(act(backup));
  keys
    .command("restore")
    .description("restore a recovery kit, or with --check only test that it would restore")
    .argument("<kit>", "the kit")
    .option("--check", "change nothing: open the kit and compare it with the keystore")
    .action(act(restore));
}

async function newKeys(
  context: Context,
  options: { name?: string; identity: boolean },
): Promise<CommandResult> {
  const name = options.name ?? (await context.accountName().catch(() => "me"));
  const passphrase = await context.newPassphrase();
  const stored = await storeAccount(context.home, name, await newAccountSecret(), passphrase, context.seal);
  if (!stored.ok) throw accountFailure(stored.error);
  const { address, recipient } = stored.value;
  const identity = options.identity ? await tryIdentity(context, name) : null;
  const file = join(context.home.accounts, `${name}.json`);
  return {
    data: { name, address, recipient, sbtId: identity, file },
    text: [
      `account    ${name}`,
      `address    ${address}`,
      `identity   ${identity ?? "none yet: `cos keys identity` mints it when a platform runs"}`,
      `kept in    ${file} (under your passphrase)`,
    ],
  };
}

/** A new account gets its identity at once where a platform is at hand; without one it is minted later. */
async function tryIdentity(context: Context, name: string): Promise<string | null> {
  try {
    const client = await context.client();
    return (await ensureIdentity(client, await context.account(name))).sbtId;
  } catch (cause) {
    if (cause instanceof CosFailure && (cause.kind === "not-found" || cause.kind === "unavailable"))
      return null;
    throw cause;
  }
}

async function mintIdentity(context: Context): Promise<CommandResult> {
  const client = await context.client();
  const account = await context.account();
  const { sbtId, transaction } = await ensureIdentity(client, account);
  return {
    data: { account: account.name, address: account.address, sbtId, transaction },
    text: [`identity ${sbtId} of ${account.address}${transaction === null ? " (already there)" : ""}`],
  };
}

async function listKeys(context: Context): Promise<CommandResult> {
  const accounts = await listAccounts(context.home);
  const vault = new DatasetVault(context.home);
  const datasets = await Promise.all(
    (await vault.list()).map(async (notes) => ({
      keyId: notes.keyId,
      name: notes.name,
      datasetId: notes.datasetId,
      restoreTested: await vault.isRestoreTested(notes.keyId as Digest),
    })),
  );
  return {
    data: { home: context.home.dir, accounts, datasets },
    text: [
      ...table(
        ["ACCOUNT", "ADDRESS"],
        accounts.map(({ name, address }) => [name, address]),
      ),
      "",
      ...table(
        ["DATASET KEY", "NAME", "ON CHAIN", "RESTORE TESTED"],
        datasets.map((d) => [
          d.keyId.slice(0, 18),
          d.name,
          d.datasetId ?? "-",
          d.restoreTested ? "yes" : "no",
        ]),
      ),
    ],
  };
}

async function backup(context: Context, { out }: { out: string }): Promise<CommandResult> {
  const account = await context.localAccount();
  const keyIds = (await new DatasetVault(context.home).list()).map((notes) => notes.keyId as Digest);
  const kit = await gatherKit(context.home, [account], keyIds, await context.passphrase());
  const written = await writeKit(context.path(out), kit, await context.passphrase(), context.seal);
  return {
    data: { kit: written.path, sha256: written.sha256, account: account.name, datasets: keyIds },
    text: [
      `kit     ${written.path} (${written.sizeBytes} bytes, under your passphrase)`,
      `holds   account ${account.name}, ${keyIds.length} dataset key(s)`,
      "test it with: cos keys restore --check KIT; then keep it away from this machine",
    ],
  };
}

async function restore(
  context: Context,
  kitPath: string,
  options: { check?: boolean },
): Promise<CommandResult> {
  const passphrase = await context.passphrase();
  const kit = await readKit(context.path(kitPath), passphrase);
  if (options.check !== true) {
    const restored = await restoreKit(context.home, kit, passphrase, context.seal);
    return {
      data: { restored: { accounts: restored.accounts, datasets: restored.datasets } },
      text: [
        `restored ${restored.accounts.length} account(s) and ${restored.datasets.length} dataset key(s)`,
      ],
    };
  }
  const checks = await checkKit(context.home, kit, passphrase);
  const bad = checks.find((check) => !check.matches);
  if (bad !== undefined) {
    throw new CosFailure(
      "integrity",
      "KIT_DIFFERS",
      `the kit would not restore the present key of ${bad.name}`,
      {
        facts: { keyId: bad.keyId },
        hint: "write a new kit with `cos keys backup --out FILE` and test that one",
      },
    );
  }
  return {
    data: { checked: checks },
    text: checks.map((check) => `${check.name}: the kit restores it; publishing is allowed`),
  };
}
