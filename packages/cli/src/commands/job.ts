import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Authorisation,
  CosFailure,
  cancelPermit,
  draftPermit,
  issuePermit,
  type JobView,
  type JobWish,
  listJobs,
  type PermitDraft,
  parseRequestDocument,
  proposeJob,
  readAuthorisation,
  readDraft,
  waitForJob,
} from "@cos/client";
import type { Purpose } from "@cos/protocol";
import type { Command } from "commander";
import type { Act } from "../act.ts";
import type { Context } from "../context.ts";
import { explanation } from "../explanation.ts";
import { type CommandResult, megabytes, shortHex, table } from "../output.ts";
import { amount, chainNumber, collect, hex32, programId, readText, wholeNumber } from "./parse.ts";

type WishOptions = {
  grant?: string[];
  program?: string;
  trait?: string;
  requestFile?: string;
  param?: string[];
  replicas: string;
  validHours: string;
  challengeWindow: string;
  releaseDays: string;
  maxFee?: string;
};
type RunOptions = WishOptions & {
  draft?: string;
  authorisation?: string[];
  wait: boolean;
  until: string;
  timeout: string;
};

/** `cos job …`: from a price to a result. */
export function addJobCommands(program: Command, act: Act): void {
  const job = program.command("job").description("quote, run, watch, list");
  wishOptions(job.command("quote").description("what a job would read, take and cost; sends nothing"))
    .option("--out <file>", "write the permit's draft, for the owner to authorise")
    .option("--explain", "also show what the planner considered, and why it took what it took")
    .option("--propose", "also agree on chain to pay for it, so that the owner may issue it")
    .action(act(quote));
  wishOptions(job.command("run").description("get a permit and run: fee approval, permit, watching"))
    .option("--draft <file>", "run exactly this draft, which `job quote --out` wrote")
    .option("--authorisation <file>", "the owner's signed word; may be repeated, one per owner", collect)
    .option("--no-wait", "return when the permit is issued")
    .option("--until <state>", "wait until COMPLETED, COMMITTED or SETTLED", "COMMITTED")
    .option("--timeout <seconds>", "give up watching when nothing changes for so long", "3600")
    .action(act(run));
  job
    .command("watch")
    .description("follow a job")
    .argument("<job>", "its id, which is the permit's")
    .option("--until <state>", "COMPLETED, COMMITTED or SETTLED", "COMMITTED")
    .option("--timeout <seconds>", "give up when nothing changes for so long", "3600")
    .action(act(watch));
  job
    .command("cancel")
    .description("end a permit that has no result yet; after the grace period its work fee is due")
    .argument("<job>", "its id, which is the permit's")
    .action(act(cancel));
  job
    .command("list")
    .description("the account's jobs")
    .option("--dataset <id>", "all jobs on a dataset that you own")
    .action(act(list));
}

const wishOptions = (command: Command): Command =>
  command
    .option("--grant <id>", "the grant to use; may be repeated, one per dataset", collect)
    .option("--program <name>", "allelic-association, linear-regression, or an id")
    .option("--trait <name>", "the trait; short for --param trait=NAME")
    .option("--param <name=value>", "a parameter of the program; may be repeated", collect)
    .option("--request-file <file>", "the request that was granted, where this home did not make it")
    .option("--replicas <n>", "workers that evaluate each task; their digests must agree", "2")
    .option("--valid-hours <n>", "how long a result is taken", "24")
    .option("--challenge-window <seconds>", "time to challenge; 0 trusts the operator", "0")
    .option("--release-days <n>", "how long the owner may take to release", "30")
    .option("--max-fee <amount>", "largest fee you are ready to pay (default: the quoted one)");

async function quote(
  context: Context,
  options: WishOptions & { out?: string; propose?: boolean; explain?: boolean },
): Promise<CommandResult> {
  const client = await context.client();
  const grantee = await context.account();
  const { quote: price, draft } = await draftPermit(client, grantee, await wishOf(context, options));
  if (options.out !== undefined)
    await writeFile(context.path(options.out), `${JSON.stringify(draft, null, 2)}\n`);
  const proposed = options.propose === true ? await proposeJob(client, grantee, draft) : null;
  return {
    data: { quote: price, permitId: draft.permitId, draft: options.out ?? null, proposed },
    text: [
      `program     ${draft.program} ${JSON.stringify(draft.job.params)}`,
      `tasks       ${price.tasks}, about ${price.computeSeconds.toFixed(1)} worker seconds, each ${draft.terms.replicas} times`,
      `reads       ${megabytes(price.inputBytes)}, result ${megabytes(price.resultBytes)}`,
      `fee         ${price.fee.total} (compute ${price.fee.compute}, author ${price.fee.author}, data ${price.fee.data.join(" + ")})`,
      ...(options.explain === true ? ["", ...explanation(price)] : []),
      ...(options.out === undefined
        ? []
        : [`draft       ${options.out}: the owner authorises it with \`cos access authorise\``]),
      ...(proposed === null ? [] : [`proposed    ${proposed.transaction}`]),
    ],
  };
}

async function run(context: Context, options: RunOptions): Promise<CommandResult> {
  const client = await context.client();
  const grantee = await context.account();
  const until = stateOf(options.until);
  const authorisations: Authorisation[] = [];
  for (const path of options.authorisation ?? []) {
    authorisations.push(readAuthorisation(await readText(context, path, "the authorisation")));
  }
  const draft = await draftFor(context, options, authorisations);
  const issued = await issuePermit(client, grantee, draft, authorisations);
  context.out.note(`permit ${issued.permitId}`);
  if (!options.wait)
    return { data: issued, text: [`permit ${issued.permitId}`, `next   cos job watch ${issued.permitId}`] };
  const timeout = wholeNumber(options.timeout, "--timeout", 1) * 1000;
  const job = await follow(context, issued.permitId, until, timeout);
  return {
    data: { ...issued, job },
    text: [`permit ${issued.permitId} (${issued.transaction})`, ...jobLines(job)],
  };
}

/** The draft to issue: the one on file, the one that the owners signed, or a fresh one. */
async function draftFor(
  context: Context,
  options: RunOptions,
  authorisations: readonly Authorisation[],
): Promise<PermitDraft> {
  const client = await context.client();
  const signed = authorisations[0]?.draft;
  if (options.draft !== undefined) {
    return readDraft(client, await readText(context, options.draft, "the draft"));
  }
  if (signed !== undefined) return readDraft(client, JSON.stringify(signed));
  return (await draftPermit(client, await context.account(), await wishOf(context, options))).draft;
}

async function watch(
  context: Context,
  jobId: string,
  options: { until: string; timeout: string },
): Promise<CommandResult> {
  const timeout = wholeNumber(options.timeout, "--timeout", 1) * 1000;
  const job = await follow(context, hex32(jobId, "JOB"), stateOf(options.until), timeout);
  return { data: job, text: jobLines(job) };
}

async function follow(
  context: Context,
  jobId: string,
  until: "COMPLETED" | "COMMITTED" | "SETTLED",
  timeoutMs: number,
): Promise<JobView> {
  const client = await context.client();
  const bar = context.out.bar("computing", "tasks");
  let state = "";
  try {
    const onChange = (job: JobView) => {
      if (job.tasksTotal > 0) bar.update(job.tasksDone, job.tasksTotal);
      if (job.state !== state) context.out.note(job.state.toLowerCase());
      state = job.state;
    };
    return await waitForJob(client, await context.account(), jobId, until, onChange, timeoutMs);
  } finally {
    bar.stop();
  }
}

async function cancel(context: Context, jobId: string): Promise<CommandResult> {
  const done = await cancelPermit(await context.client(), await context.account(), hex32(jobId, "JOB"));
  return {
    data: done,
    text: [`cancelled   ${done.permitId}`, `back        ${done.refunded}, work fee ${done.workFee}`],
  };
}

async function list(context: Context, options: { dataset?: string }): Promise<CommandResult> {
  const datasetId = options.dataset === undefined ? "" : chainNumber(options.dataset, "--dataset");
  const jobs = await listJobs(await context.client(), await context.account(), datasetId);
  return {
    data: { jobs },
    text: table(
      ["JOB", "STATE", "TASKS", "DATASETS", "REASON"],
      jobs.map((j) => [
        j.jobId,
        j.state,
        `${j.tasksDone}/${j.tasksTotal}`,
        j.datasetIds.join(","),
        j.reason || "-",
      ]),
    ),
  };
}

async function wishOf(context: Context, options: WishOptions): Promise<JobWish> {
  const client = await context.client();
  if (options.grant === undefined) throw missing("--grant ID");
  if (options.program === undefined) throw missing("--program NAME");
  const uses = await Promise.all(
    options.grant.map(async (text) => {
      const grantId = chainNumber(text, "--grant");
      const request = await client.chain.read("AccessACL", "requestOf", [grantId]);
      return { grantId, datasetId: request.datasetId.toString() as string };
    }),
  );
  const params = Object.fromEntries((options.param ?? []).map(parameter));
  const { algorithmId, name } = programId(client.platform, options.program);
  return {
    uses,
    algorithmId,
    program: name,
    params: options.trait === undefined ? params : { ...params, trait: options.trait },
    purpose: await purposeOf(context, uses[0]?.grantId ?? "", options.requestFile),
    replicas: wholeNumber(options.replicas, "--replicas", 1, 255),
    validSeconds: wholeNumber(options.validHours, "--valid-hours", 1, 8760) * 3600,
    challengeWindowSeconds: wholeNumber(options.challengeWindow, "--challenge-window", 0, 2_592_000),
    releaseWindowSeconds: wholeNumber(options.releaseDays, "--release-days", 1, 366) * 86_400,
    ...(options.maxFee === undefined ? {} : { maxFee: amount(options.maxFee, "--max-fee") }),
  };
}

/** The purpose as it was asked for, from the request's file or the note that `cos access request` left. */
async function purposeOf(context: Context, grantId: string, file: string | undefined): Promise<Purpose> {
  if (file !== undefined) {
    return parseRequestDocument(await readText(context, file, "the request file")).purpose;
  }
  const text = await readFile(join(context.home.grants, `${grantId}.json`), "utf8").catch(() => {
    throw new CosFailure("not-found", "REQUEST_FILE_MISSING", "the granted request is not at hand here", {
      clause: 3,
      facts: { grantId },
      hint: "give the file that `cos access request --out` wrote with --request-file FILE",
    });
  });
  return parseRequestDocument(text).purpose;
}

const missing = (what: string): CosFailure =>
  new CosFailure("usage", "BAD_ARGUMENT", `${what} is needed`, {
    hint: "or run what was drafted with --draft FILE",
  });

function parameter(text: string): [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new CosFailure("usage", "BAD_ARGUMENT", `--param is NAME=VALUE, not '${text}'`);
}

function stateOf(text: string): "COMPLETED" | "COMMITTED" | "SETTLED" {
  const state = text.toUpperCase();
  if (state === "COMPLETED" || state === "COMMITTED" || state === "SETTLED") return state;
  throw new CosFailure("usage", "BAD_ARGUMENT", `--until is COMPLETED, COMMITTED or SETTLED, not '${text}'`);
}

const jobLines = (job: JobView): string[] => [
  `state  ${job.state}${job.reason === "" ? "" : ` (${job.reason})`}`,
  `work   ${job.tasksDone} of ${job.tasksTotal} task replicas, ${megabytes(job.bytesRead)} read, ${job.computeSeconds.toFixed(1)} worker seconds`,
  `result ${job.resultUri === "" ? "-" : `${job.resultUri} (${shortHex(job.resultCommitment)})`}`,
];
