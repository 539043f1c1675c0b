import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  approveRelease,
  CosFailure,
  type OpenedPermit,
  openVerified,
  type PreparedRelease,
  parseApproval,
  parseSubject,
  prepareRelease,
  type ReleaseApproval,
  receiveRelease,
  releasePermit,
  tableDigestOf,
  type VerifyOptions,
  verifyPermit,
} from "@cos/client";
import { type ReleaseClass, type ReleasePolicy, tightenPolicy } from "@cos/programs";
import type { Command } from "commander";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { type CommandResult, megabytes } from "../output.ts";
import { chainNumber, collect, hex32, readText } from "./parse.ts";

type CheckOptions = {
  programFile?: string;
  manifest?: string[];
  recompute?: boolean;
  dataset?: string;
};
type ReleaseOptions = CheckOptions & {
  class: string;
  approver?: string[];
  approval?: string[];
  prepare?: string;
  policy?: string;
  traitFamily?: string;
  certified?: boolean;
  requestFile?: string;
  out?: string;
};

/** `cos result …`: opened by the owner, released under the output policy, received by the grantee. */
export function addResultCommands(program: Command, act: Act): void {
  const result = program.command("result").description("verify, open, release, approve, receive");
  checkOptions(
    result
      .command("verify")
      .description("make every check that precedes opening; decrypts nothing")
      .argument("<permit>", "the permit's id"),
  ).action(act(verify));
  checkOptions(
    result
      .command("open")
      .description("check, then decrypt: the owner's exact view, which is not a release")
      .argument("<permit>", "the permit's id"),
  )
    .requiredOption("--out <file>", "where the table goes (PLINK's .assoc or .qassoc columns)")
    .action(act(open));
  checkOptions(
    result
      .command("release")
      .description("apply the output policy, log the release on chain, seal the table to the grantee")
      .argument("<permit>", "the permit's id"),
  )
    .option("--class <class>", "controlled, open-deposit or lead-loci", "controlled")
    .option("--approver <account>", "a second person's account in this keystore; may be repeated", collect)
    .option("--approval <file>", "a second person's signed approval; may be repeated", collect)
    .option("--prepare <dir>", "only write the table and a draft there, for the approver to look at")
    .option("--policy <file>", "JSON with tighter numbers than the defaults")
    .option("--trait-family <name>", "traits that measure the same thing share one; guards differencing")
    .option("--certified", "open deposit: the institution certifies that data and consent allow it")
    .option("--request-file <file>", "the grantee's request file (default: kept from granting)")
    .option("--out <file>", "where the sealed release goes; send it to the grantee")
    .action(act(release));
  result
    .command("approve")
    .description("a second person approves exactly the table that they were shown")
    .argument("<draft>", "release-draft.json")
    .requiredOption("--table <file>", "the table that was looked at")
    .requiredOption("--out <file>", "where the signed approval goes")
    .action(act(approve));
  result
    .command("receive")
    .description("grantee: open a release and check it against the chain")
    .argument("<file>", "the sealed release")
    .requiredOption("--out <file>", "where the table goes")
    .action(act(receive));
}

const checkOptions = (command: Command): Command =>
  command
    .option("--dataset <id>", "which of your datasets in the permit (default: the first)")
    .option("--program-file <file>", "canonical JSON of a program that is not built in")
    .option(
      "--manifest <file>",
      "manifest of another owner's dataset in the permit; may be repeated",
      collect,
    )
    .option("--recompute", "compute the result again from the ciphertexts instead of trusting replicas");

function verifyOptions(context: Context, options: CheckOptions): VerifyOptions {
  const bar = context.out.bar("fetching", "MB");
  return {
    ...(options.programFile === undefined ? {} : { programFile: context.path(options.programFile) }),
    manifestFiles: (options.manifest ?? []).map(context.path),
    recompute: options.recompute === true,
    onDownload: (bytes, total) => {
      bar.update(bytes, total);
      if (bytes >= total) bar.stop();
    },
  };
}

async function verify(context: Context, permit: string, options: CheckOptions): Promise<CommandResult> {
  const client = await context.client();
  const owner = await context.account();
  const verified = await verifyPermit(
    client,
    context.home,
    owner,
    hex32(permit, "PERMIT"),
    verifyOptions(context, options),
  );
  await verified.result.close();
  const workers = new Set(verified.bundle.tasks.flatMap((task) => task.attestations.map((a) => a.worker)));
  return {
    data: {
      permitId: verified.permit.permitId,
      verified: true,
      assurance: verified.assurance,
      program: verified.program.name,
      params: verified.params,
      planDigest: verified.planDigest,
      resultCommitment: verified.permit.result?.commitment,
      tasks: verified.bundle.tasks.length,
      workers: [...workers],
    },
    text: [
      `sound       every check passed; nothing was decrypted`,
      `program     ${verified.program.name} ${JSON.stringify(verified.params)}`,
      `plan        ${verified.planDigest}, ${verified.bundle.tasks.length} tasks`,
      `assurance   ${verified.assurance === "replicas" ? `${workers.size} workers agree on every task` : "computed again here"}`,
      `result      ${megabytes(verified.result.sizeBytes)}, commitment as on chain`,
    ],
  };
}

async function openIt(context: Context, permit: string, options: CheckOptions): Promise<OpenedPermit> {
  const datasetId = options.dataset === undefined ? undefined : chainNumber(options.dataset, "--dataset");
  const client = await context.client();
  const owner = await context.account();
  const verified = await verifyPermit(
    client,
    context.home,
    owner,
    hex32(permit, "PERMIT"),
    verifyOptions(context, options),
  );
  const passphrase = await context.passphrase();
  const bar = context.out.bar("decrypting", "ciphertexts");
  try {
    return await openVerified(client, context.home, passphrase, verified, {
      ...(datasetId === undefined ? {} : { datasetId }),
      onDecrypt: (done, total) => bar.update(done, total),
    });
  } finally {
    bar.stop();
  }
}

async function open(
  context: Context,
  permit: string,
  options: CheckOptions & { out: string },
): Promise<CommandResult> {
  const opened = await openIt(context, permit, options);
  const file = context.path(options.out);
  await writeFile(file, opened.tsv, { mode: 0o600 });
  const { kind, rows } = opened.result;
  return {
    data: {
      permitId: opened.verified.permit.permitId,
      datasetId: opened.datasetId,
      version: opened.version,
      kind,
      rows: rows.length,
      file,
    },
    text: [
      `opened      ${rows.length} variants, .${kind} columns, to ${file}`,
      "note        this is your exact view: it stays here. What may leave is `cos result release`",
    ],
  };
}

async function release(context: Context, permit: string, options: ReleaseOptions): Promise<CommandResult> {
  if (options.prepare === undefined && options.out === undefined) {
    throw new CosFailure("usage", "BAD_ARGUMENT", "name --out FILE for the sealed release, or --prepare DIR");
  }
  const client = await context.client();
  const owner = await context.account();
  const opened = await openIt(context, permit, options);
  const prepared = await prepareRelease(client, context.home, owner, opened, {
    class: classOf(options.class),
    policy: await policyOf(context, options.policy),
    ...(options.traitFamily === undefined ? {} : { traitFamily: options.traitFamily }),
    ...(options.certified === true ? { certified: true } : {}),
  });
  if (options.prepare !== undefined) return writeDraft(context, options.prepare, prepared);
  const approvals = await approvalsOf(context, options, prepared);
  const requestFile = options.requestFile === undefined ? undefined : context.path(options.requestFile);
  const done = await releasePermit(client, context.home, owner, opened, prepared, approvals, requestFile);
  const file = context.path(options.out ?? "");
  await writeFile(file, done.sealed);
  const { sealed: _, table: __, ...facts } = done;
  return {
    data: { ...facts, file },
    text: [
      `released    ${done.released} variants (${done.class}); ${suppressedWords(done.suppressed)}`,
      `commitment  ${done.releaseCommitment}`,
      `transaction ${done.transaction}`,
      `sealed      ${file}: send it to the grantee, who opens it with \`cos result receive\``,
    ],
  };
}

async function writeDraft(context: Context, dir: string, prepared: PreparedRelease): Promise<CommandResult> {
  const folder = context.path(dir);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const table = join(folder, "association.tsv");
  const draft = join(folder, "release-draft.json");
  await writeFile(table, prepared.table, { mode: 0o600 });
  await writeFile(draft, `${JSON.stringify(prepared.subject, null, 2)}\n`, { mode: 0o600 });
  const { rows, suppressed } = prepared.release;
  return {
    data: { prepared: true, table, draft, released: rows.length, suppressed, subject: prepared.subject },
    text: [
      `prepared    ${rows.length} variants; ${suppressedWords(suppressed)}`,
      `table       ${table}`,
      `draft       ${draft}: the approver runs \`cos result approve ${draft} --table ${table} --out FILE\``,
    ],
  };
}

const suppressedWords = (suppressed: { total: number }): string => {
  const reasons = Object.entries(suppressed).filter(([reason, count]) => reason !== "total" && count > 0);
  const detail = reasons.map(([reason, count]) => `${count} ${reason}`).join(", ");
  return `${suppressed.total} suppressed${detail === "" ? "" : ` (${detail})`}`;
};

async function approvalsOf(
  context: Context,
  options: ReleaseOptions,
  prepared: PreparedRelease,
): Promise<ReleaseApproval[]> {
  const chainId = (await context.platform()).chain.chainId;
  const approvals: ReleaseApproval[] = [];
  for (const path of options.approval ?? []) {
    approvals.push(parseApproval(await readText(context, path, "the approval")));
  }
  for (const name of options.approver ?? []) {
    approvals.push(await approveRelease(chainId, await context.account(name), prepared.subject));
  }
  return approvals;
}

function classOf(text: string): ReleaseClass {
  if (text === "controlled" || text === "open-deposit" || text === "lead-loci") return text;
  throw new CosFailure(
    "usage",
    "BAD_ARGUMENT",
    `--class is controlled, open-deposit or lead-loci, not '${text}'`,
  );
}

async function policyOf(context: Context, path: string | undefined): Promise<Partial<ReleasePolicy>> {
  if (path === undefined) return {};
  const known = Object.keys(tightenPolicy({}));
  try {
    const value = JSON.parse(await readText(context, path, "the policy")) as Record<string, unknown>;
    const bad = Object.entries(value).find(([key, each]) => !known.includes(key) || typeof each !== "number");
    if (bad === undefined) return value as Partial<ReleasePolicy>;
  } catch (cause) {
    if (cause instanceof CosFailure) throw cause;
  }
  throw new CosFailure("usage", "POLICY_MALFORMED", "the policy is no JSON object of known numbers", {
    facts: { known: known.join(", ") },
  });
}

async function approve(
  context: Context,
  draftPath: string,
  options: { table: string; out: string },
): Promise<CommandResult> {
  const subject = parseSubject(await readText(context, draftPath, "the draft"));
  const table = await readFile(context.path(options.table));
  if (tableDigestOf(table.toString("utf8")) !== subject.tableDigest) {
    throw new CosFailure("integrity", "TABLE_MISMATCH", "the table is not the one that the draft is about");
  }
  const approver = await context.account();
  const chainId = (await context.platform()).chain.chainId;
  const approval = await approveRelease(chainId, approver, subject);
  const file = context.path(options.out);
  await writeFile(file, `${JSON.stringify(approval, null, 2)}\n`);
  return {
    data: { subject, approver: approver.address, file },
    text: [`approved    ${subject.class} release of permit ${subject.permitId}`, `signed      ${file}`],
  };
}

async function receive(context: Context, path: string, options: { out: string }): Promise<CommandResult> {
  const client = await context.client();
  const sealed = await readFile(context.path(path)).catch(() => {
    throw new CosFailure("usage", "FILE_UNREADABLE", `the release ${path} cannot be read`);
  });
  const received = await receiveRelease(client, await context.account(), sealed);
  const file = context.path(options.out);
  await writeFile(file, received.table, { mode: 0o600 });
  const { table: _, salt: __, ...facts } = received;
  return {
    data: { ...facts, file },
    text: [
      `received    ${received.released} variants (${received.class}), ${received.program} ${JSON.stringify(received.params)}`,
      `suppressed  ${received.suppressed.total ?? 0}`,
      `on chain    ${received.transaction}`,
      `terms       ${received.terms}`,
      `table       ${file}`,
    ],
  };
}
