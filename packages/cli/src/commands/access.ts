import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Authorisation,
  type CosClient,
  CosFailure,
  type GrantChoice,
  grantAccess,
  issueAsOwner,
  makePurpose,
  makeRequestDocument,
  orFail,
  parseRequestDocument,
  type RequestDocument,
  readDraft,
  requestAccess,
  requestFileText,
  revokeAccess,
  signAuthorisation,
  toHex,
  writeSecretFile,
} from "@cos/client";
import type { Command } from "commander";
import { keccak256, ZeroHash } from "ethers";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { type CommandResult, formatTime, shortHex, table } from "../output.ts";
import {
  amount,
  chainNumber,
  collect,
  instant,
  operationNames,
  operations,
  programId,
  readText,
  wholeNumber,
} from "./parse.ts";

/** `cos access …`: requests, grants, revocations, and the owner's word for one use. */
export function addAccessCommands(program: Command, act: Act): void {
  const access = program.command("access").description("request, grant, revoke, list, authorise");
  access
    .command("request")
    .description("ask for access to a dataset")
    .requiredOption("--dataset <id>", "number on chain")
    .option("--op <list>", "READ, LIST, EXPORT, COMPUTE, separated by commas", "COMPUTE")
    .option("--purpose <code>", "GA4GH DUO code; may be repeated (default DUO:0000042)", collect)
    .requiredOption("--statement <text>", "what for, in a sentence; goes to the owner, not on chain")
    .option("--owner-only", "agree that the result stays with the owner")
    .option("--agreement <file>", "the data-use agreement; its hash goes on chain")
    .requiredOption("--out <file>", "the request's file for the owner; send it to them")
    .action(act(request));
  grantOptions(
    access
      .command("grant")
      .description("grant a request")
      .argument("<request>", "number of the request")
      .requiredOption("--request-file <file>", "what the grantee sent you"),
  ).action(act(grant));
  access
    .command("revoke")
    .description("revoke a grant; running jobs under it stop and are refunded")
    .argument("[grant]", "number of the grant")
    .option("--dataset <id>", "every grant of this dataset")
    .action(act(revoke));
  access
    .command("list")
    .description("requests and grants")
    .option("--dataset <id>", "of one dataset (default: the account's own as grantee)")
    .action(act(list));
  access
    .command("authorise")
    .description("the owner's word for one permit: a signature for the grantee to relay, or a transaction")
    .argument("<draft>", "what the grantee wrote with `cos job quote --out`")
    .option("--dataset <id>", "which of the draft's datasets is yours (default: the only one)")
    .option("--valid-hours <n>", "how long the signature is good", "24")
    .option("--out <file>", "write the signed authorisation there")
    .option("--send", "issue the permit by your own transaction instead")
    .action(act(authorise));
}

function grantOptions(command: Command): Command {
  return command
    .option("--op <list>", "operations, at most those asked for")
    .option("--not-before <time>", "first moment (default now)")
    .option("--expiry <time>", "first moment at which it is over (default in a year)")
    .option("--max-runs <n>", "permits in all", "10")
    .option("--max-tickets <n>", "READ and EXPORT tickets in all", "0")
    .option("--rate <n/seconds>", "permits per window, such as 5/86400")
    .option("--region <name>", "where the work may run (default: anywhere)")
    .option(
      "--program <name>",
      "a program that may run; may be repeated (default: any approved one)",
      collect,
    )
    .option("--exact-releases <n>", "releases without noise in all (default: one a run)")
    .option("--output <policy>", "owner-only, or reencrypt: releases may go to the grantee", "reencrypt")
    .option("--pin <version>", "only this version (default: follow the newest)")
    .option("--grace <seconds>", "cancelling or revoking within it costs nothing", "0")
    .option("--audit-each-use", "log every ticket by itself")
    .option("--fee <amount>", "fee per use in the token's smallest unit (default 0)")
    .option("--fee-token <address>", "the token (default: the platform's first)")
    .option("--work-fee <amount>", "kept by the operator when a job is stopped late", "0")
    .option("--compute-bps <n>", "operator's share of the fee in 1/10000", "2000")
    .option("--author-bps <n>", "program author's share of the fee in 1/10000", "0")
    .option("--auto-authorise", "permits need no further word of yours");
}

async function request(
  context: Context,
  options: {
    dataset: string;
    op: string;
    purpose?: string[];
    statement: string;
    ownerOnly?: boolean;
    agreement?: string;
    out: string;
  },
): Promise<CommandResult> {
  const client = await context.client();
  const grantee = await context.account();
  const agreement =
    options.agreement === undefined ? ZeroHash : keccak256(await readFile(context.path(options.agreement)));
  const document = makeRequestDocument({
    purpose: makePurpose(options.purpose ?? ["DUO:0000042"], options.statement),
    recipient: grantee.recipient,
    outputTerms: {
      allowReencrypt: options.ownerOnly !== true,
      allowMultiKey: false,
      documentHash: agreement as RequestDocument["outputTerms"]["documentHash"],
    },
  });
  const done = await requestAccess(client, grantee, {
    datasetId: chainNumber(options.dataset, "--dataset"),
    opMask: operations(options.op),
    document,
  });
  await writeFile(context.path(options.out), requestFileText(document));
  // The grant will have the request's number; a quote states the purpose from this note.
  await writeSecretFile(join(context.home.grants, `${done.requestId}.json`), requestFileText(document));
  return {
    data: { ...done, file: context.path(options.out) },
    text: [
      `request     ${done.requestId} for dataset ${done.datasetId}`,
      `purpose     ${done.purposeHash}`,
      `transaction ${done.transaction}`,
      `next        send ${options.out} to the owner; the chain holds its digest`,
    ],
  };
}

type GrantOptions = {
  requestFile: string;
  op?: string;
  notBefore?: string;
  expiry?: string;
  maxRuns: string;
  maxTickets: string;
  rate?: string;
  region?: string;
  program?: string[];
  exactReleases?: string;
  output: string;
  pin?: string;
  grace: string;
  auditEachUse?: boolean;
  fee?: string;
  feeToken?: string;
  workFee: string;
  computeBps: string;
  authorBps: string;
  autoAuthorise?: boolean;
};

async function grant(context: Context, requestId: string, options: GrantOptions): Promise<CommandResult> {
  const client = await context.client();
  const owner = await context.account();
  const id = chainNumber(requestId, "REQUEST");
  const text = await readText(context, options.requestFile, "the request file");
  const document = parseRequestDocument(text);
  const done = await grantAccess(client, owner, id, document, grantChoice(client, options));
  await writeSecretFile(join(context.home.grants, `${done.grantId}.json`), requestFileText(document));
  return {
    data: { ...done, purpose: document.purpose },
    text: [
      `grant       ${done.grantId}, until ${formatTime(done.expiry)}`,
      `purpose     ${document.purpose.duo.join(", ")}: ${document.purpose.statement}`,
      `transaction ${done.transaction}`,
    ],
  };
}

function grantChoice(client: CosClient, options: GrantOptions): GrantChoice {
  if (options.output !== "reencrypt" && options.output !== "owner-only") {
    throw new CosFailure("usage", "BAD_ARGUMENT", "--output is owner-only or reencrypt");
  }
  const rate = /^(\d+)\/(\d+)$/.exec(options.rate ?? "");
  if (options.rate !== undefined && rate === null) {
    throw new CosFailure("usage", "BAD_ARGUMENT", "--rate is COUNT/SECONDS, such as 5/86400");
  }
  const fee = amount(options.fee ?? "0", "--fee");
  const feeToken = options.feeToken ?? client.platform.chain.feeTokens[0]?.address;
  return {
    maxRuns: wholeNumber(options.maxRuns, "--max-runs", 0, 0xffff_ffff),
    maxTickets: wholeNumber(options.maxTickets, "--max-tickets", 0, 0xffff_ffff),
    outputPolicy: options.output,
    graceSeconds: wholeNumber(options.grace, "--grace", 0, 0xffff_ffff),
    auditEachUse: options.auditEachUse === true,
    autoAuthorise: options.autoAuthorise === true,
    feePerUse: fee,
    workFee: amount(options.workFee, "--work-fee"),
    computeBps: wholeNumber(options.computeBps, "--compute-bps", 0, 10_000),
    authorBps: wholeNumber(options.authorBps, "--author-bps", 0, 10_000),
    ...(feeToken === undefined ? {} : { feeToken }),
    ...(options.op === undefined ? {} : { opMask: operations(options.op) }),
    ...(options.notBefore === undefined ? {} : { notBefore: instant(options.notBefore, "--not-before") }),
    ...(options.expiry === undefined ? {} : { expiry: instant(options.expiry, "--expiry") }),
    ...(rate === null ? {} : { rateMax: Number(rate[1]), rateWindow: Number(rate[2]) }),
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.program === undefined
      ? {}
      : { allowedAlgorithms: options.program.map((p) => programId(client.platform, p).algorithmId) }),
    ...(options.exactReleases === undefined
      ? {}
      : { exactReleases: wholeNumber(options.exactReleases, "--exact-releases", 0, 0xffff_ffff) }),
    ...(options.pin === undefined ? {} : { pinnedVersion: wholeNumber(options.pin, "--pin", 1) }),
  };
}

async function revoke(
  context: Context,
  grantId: string | undefined,
  options: { dataset?: string },
): Promise<CommandResult> {
  if ((grantId === undefined) === (options.dataset === undefined)) {
    throw new CosFailure("usage", "BAD_ARGUMENT", "name a grant, or --dataset for all of its grants");
  }
  const client = await context.client();
  const what =
    grantId === undefined
      ? { datasetId: chainNumber(options.dataset ?? "", "--dataset") }
      : { grantId: chainNumber(grantId, "GRANT") };
  const done = await revokeAccess(client, await context.account(), what);
  return {
    data: { ...what, ...done },
    text: [`revoked     ${JSON.stringify(what)}`, `transaction ${done.transaction}`],
  };
}

async function list(context: Context, options: { dataset?: string }): Promise<CommandResult> {
  const client = await context.client();
  const scope =
    options.dataset === undefined
      ? { datasetId: "", grantee: Buffer.from((await context.account()).address.slice(2), "hex") }
      : { datasetId: chainNumber(options.dataset, "--dataset"), grantee: Buffer.alloc(0) };
  const [requested, granted] = await Promise.all([
    orFail(client.services.access.listRequests(scope)),
    orFail(client.services.access.listGrants(scope)),
  ]);
  const requests = requested.requests.map((r) => ({
    requestId: r.requestId,
    datasetId: r.datasetId,
    grantee: toHex(r.grantee),
    operations: operationNames(r.opMask),
    purposeHash: toHex(r.purposeHash),
    state: r.state,
    at: Number(r.blockTime),
  }));
  const grants = granted.grants.flatMap(({ terms, revoked, runsUsed }) =>
    terms === undefined
      ? []
      : [
          {
            grantId: terms.grantId,
            datasetId: terms.datasetId,
            grantee: toHex(terms.grantee),
            operations: operationNames(terms.opMask),
            notBefore: Number(terms.notBefore),
            expiry: Number(terms.expiry),
            runsUsed: Number(runsUsed),
            maxRuns: Number(terms.maxRuns),
            feePerUse: terms.feePerUse,
            autoAuthorise: terms.autoAuthorise,
            revoked,
          },
        ],
  );
  return {
    data: { requests, grants },
    text: [
      ...table(
        ["REQUEST", "DATASET", "GRANTEE", "OPERATIONS", "PURPOSE", "STATE"],
        requests.map((r) => [
          r.requestId,
          r.datasetId,
          r.grantee,
          r.operations,
          shortHex(r.purposeHash),
          r.state,
        ]),
      ),
      "",
      ...table(
        ["GRANT", "DATASET", "GRANTEE", "OPERATIONS", "UNTIL", "RUNS", "FEE", "STATE"],
        grants.map((g) => [
          g.grantId,
          g.datasetId,
          g.grantee,
          g.operations,
          formatTime(g.expiry),
          `${g.runsUsed}/${g.maxRuns}`,
          g.feePerUse,
          g.revoked ? "revoked" : "live",
        ]),
      ),
    ],
  };
}

async function authorise(
  context: Context,
  draftPath: string,
  options: { dataset?: string; validHours: string; out?: string; send?: boolean },
): Promise<CommandResult> {
  if ((options.out === undefined) === (options.send !== true)) {
    throw new CosFailure(
      "usage",
      "BAD_ARGUMENT",
      "choose one: --out FILE for a signature, --send for a transaction",
    );
  }
  const client = await context.client();
  const owner = await context.account();
  const draft = await readDraft(client, await readText(context, draftPath, "the draft"));
  const what = [
    `program     ${draft.program} ${JSON.stringify(draft.job.params)}`,
    `purpose     ${draft.job.purpose.duo.join(", ")}`,
    `grantee     ${draft.terms.grantee}`,
    `datasets    ${draft.terms.datasetIds.join(", ")}`,
    `until       ${formatTime(draft.terms.expiry)}`,
  ];
  if (options.send === true) {
    const issued = await issueAsOwner(client, owner, draft);
    return {
      data: issued,
      text: [...what, `permit      ${issued.permitId}`, `transaction ${issued.transaction}`],
    };
  }
  const datasetId = chainNumber(options.dataset ?? onlyDataset(draft.terms.datasetIds), "--dataset");
  const hours = wholeNumber(options.validHours, "--valid-hours", 1, 8760);
  const authorisation: Authorisation = await signAuthorisation(client, owner, draft, datasetId, hours * 3600);
  const out = context.path(options.out ?? "");
  await writeFile(out, `${JSON.stringify(authorisation, null, 2)}\n`);
  return {
    data: { permitId: draft.permitId, datasetId, deadline: authorisation.deadline, file: out },
    text: [...what, `signed      ${out}, good until ${formatTime(authorisation.deadline)}`],
  };
}

function onlyDataset(ids: readonly string[]): string {
  const [only, ...more] = ids;
  if (only !== undefined && more.length === 0) return only;
  throw new CosFailure(
    "usage",
    "WHICH_DATASET",
    "the draft names several datasets: say which is yours with --dataset",
  );
}
