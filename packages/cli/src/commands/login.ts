import { accountFailure, CosFailure, keptSession, readInstitution, storeInstitution } from "@cos/client";
import type { Command } from "commander";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import type { CommandResult } from "../output.ts";

type InstitutionOptions = {
  name: string;
  issuer: string;
  signer: string;
  keyId: string;
  signerTokenFile?: string;
  recipient?: string;
};

/** `cos login`, `cos logout`, and `cos keys institution`: accounts that an institution's provider signs in. */
export function addLoginCommands(program: Command, act: Act): void {
  const keys = program.commands.find((command) => command.name() === "keys");
  keys
    ?.command("institution")
    .description(
      "describe an institution's account: a remote signer (KMS) holds its key, a provider signs it in",
    )
    .requiredOption("--name <name>", "the account's name in this keystore")
    .requiredOption("--issuer <url>", "the identity provider, as its ID tokens name it")
    .requiredOption("--signer <url>", "root of the remote signer, https or on this machine")
    .requiredOption("--key-id <id>", "the key's name at the signer")
    .option("--signer-token-file <file>", "file with the bearer token for the signer; read at each use")
    .option("--recipient <age1pq>", "whom releases are sealed to, where that key is kept elsewhere")
    .action(act(describeInstitution));
  program
    .command("login")
    .description("sign in to the gateway by the institution's identity provider, in a browser")
    .option("--bind", "bind the provider's account to the signer's key first; once")
    .action(act(login));
  program.command("logout").description("forget the session of an institution's account").action(act(logout));
}

async function describeInstitution(context: Context, options: InstitutionOptions): Promise<CommandResult> {
  const { name, issuer, signer: url, keyId, signerTokenFile, recipient } = options;
  const tokenFile = signerTokenFile === undefined ? {} : { tokenFile: context.path(signerTokenFile) };
  const stored = await storeInstitution(context.home, {
    name,
    issuer,
    signer: { url, keyId, ...tokenFile },
    ...(recipient === undefined
      ? { passphrase: () => context.newPassphrase(), seal: context.seal }
      : { recipient }),
  });
  if (!stored.ok) throw accountFailure(stored.error);
  const account = stored.value;
  return {
    data: {
      ...account,
      issuer,
      signer: url,
      keyId,
      releaseKey: recipient === undefined ? "here" : "elsewhere",
    },
    text: [
      `account    ${account.name}`,
      `address    ${account.address} (its key stays at the signer)`,
      `releases   ${recipient === undefined ? "opened here, under your passphrase" : "opened by the recipient's holder"}`,
      `sign in    cos login --account ${account.name} --bind`,
    ],
  };
}

async function login(context: Context, { bind = false }: { bind?: boolean }): Promise<CommandResult> {
  const name = await institutionName(context);
  context.mayAskToSignIn();
  const client = await context.client();
  const account = await context.account(name);
  const session = client.session(account);
  if (bind) await session.bind(BigInt(client.platform.chain.chainId)).catch(explain(name));
  const endsAt = await session.signIn().catch(explain(name));
  return {
    data: { account: name, address: account.address, bound: bind, endsAt: endsAt.toISOString() },
    text: [`signed in as ${account.address} until ${endsAt.toISOString()}`],
  };
}

async function logout(context: Context): Promise<CommandResult> {
  const name = await institutionName(context);
  const { gateway } = (await context.platform()).services;
  await keptSession(context.home, { name, address: "", gateway }).forget();
  return { data: { account: name, signedOut: true }, text: [`${name} is signed out here`] };
}

async function institutionName(context: Context): Promise<string> {
  const name = await context.accountName();
  if ((await readInstitution(context.home, name)) !== undefined) return name;
  throw new CosFailure("usage", "NOT_AN_INSTITUTION", `'${name}' signs in by its own key, by itself`, {
    hint: "describe an institution's account with: cos keys institution",
  });
}

/** The gateway's refusals of a sign-in, with what to do. */
const explain =
  (name: string) =>
  (cause: unknown): never => {
    const hint = cause instanceof CosFailure ? hints[cause.code] : undefined;
    if (!(cause instanceof CosFailure) || hint === undefined) throw cause;
    throw new CosFailure(cause.kind, cause.code, hint.what, { facts: cause.facts, hint: hint.next(name) });
  };

const hints: Readonly<Record<string, { readonly what: string; next(name: string): string }>> = {
  OIDC_UNBOUND: {
    what: "the provider's account is bound to no key at this gateway",
    next: (name) => `bind it once to the signer's key: cos login --account ${name} --bind`,
  },
  OIDC_BOUND: {
    what: "the provider's account is bound to another key at this gateway",
    next: () => "the key that it is bound to must let it go first",
  },
  ISSUER_UNKNOWN: {
    what: "this gateway does not know the identity provider",
    next: () => "its operator lists providers in COS_GATEWAY_OIDC_PROVIDERS_FILE",
  },
  ID_TOKEN_INVALID: {
    what: "the gateway does not believe the provider's token",
    next: () => "issuer and client id must be the same at the provider and at the gateway; ask the operator",
  },
};
