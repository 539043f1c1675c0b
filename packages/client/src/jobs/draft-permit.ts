import type { QuoteJobResponse } from "@cos/proto/compute";
import { QuoteJobRequest } from "@cos/proto/compute";
import {
  canonicalJson,
  type Digest,
  type JobDocument,
  type Purpose,
  paramsHashOf,
  purposeHash,
  statePurpose,
} from "@cos/protocol";
import { ZeroAddress } from "ethers";
import type { CosClient } from "../cos-client.ts";
import { CosFailure } from "../failure.ts";
import type { Account } from "../keystore/account.ts";
import { toBytes, toHex } from "../wire/hex.ts";
import { orFail } from "../wire/rpc-failure.ts";
import { freshNonce, type PermitDraft, type PermitTerms } from "./permit-terms.ts";

/** What a grantee wants computed. */
export type JobWish = {
  /** One or more grants, each with its dataset. */
  readonly uses: readonly { readonly grantId: string; readonly datasetId: string }[];
  readonly algorithmId: string;
  readonly program: string;
  readonly params: Readonly<Record<string, string>>;
  /** The purpose that was granted; the plan takes the segments whose consent admits its codes. */
  readonly purpose: Purpose;
  /** Seconds from now until no result is taken any more; at most until the grant ends. */
  readonly validSeconds?: number;
  readonly challengeWindowSeconds?: number;
  readonly releaseWindowSeconds?: number;
  /** Workers that evaluate each task; their digests must agree. */
  readonly replicas?: number;
  readonly exactReleases?: number;
  /** Largest fee that the grantee is ready to pay; the quoted one when left out. */
  readonly maxFee?: bigint;
};

/** One way to read a dataset. Numbers are 0 where a refusal came before them; the fee is in the token's smallest unit. */
export type QuotedAlternative = {
  /** Position of the dataset in the job. */
  readonly dataset: number;
  readonly name: string;
  readonly profile: string;
  readonly maxRowsPerRun: number;
  readonly runs: number;
  readonly tasks: number;
  readonly restBytes: number;
  readonly inputBytes: number;
  readonly resultBytes: number;
  /** Engine -> estimated worker seconds, one replica. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly computeFee: string;
  /** Null for the way that was taken; why another was not, otherwise. */
  readonly lost: { readonly code: string; readonly facts: Readonly<Record<string, unknown>> } | null;
};

/** What a job would cost, in ciphertext, time and money. Amounts in the fee token's smallest unit. */
export type JobQuote = {
  readonly tasks: number;
  readonly inputBytes: number;
  readonly resultBytes: number;
  readonly computeSeconds: number;
  readonly planDigest: string;
  readonly paramsHash: Digest;
  /** Ways to read each dataset that the planner considered, the one that it took first. */
  readonly alternatives: readonly QuotedAlternative[];
  /** Version of the constants by which they are ranked. */
  readonly costModel: string;
  readonly fee: { token: string; total: string; compute: string; author: string; data: string[] };
};

const day = 24 * 3600;

/** Plans a job without running it, and drafts the permit that would start it. Nothing is sent to the chain. */
export async function draftPermit(
  client: CosClient,
  grantee: Account,
  wish: JobWish,
): Promise<{ quote: JobQuote; draft: PermitDraft }> {
  const uses = [...wish.uses].sort((a, b) => (BigInt(a.datasetId) < BigInt(b.datasetId) ? -1 : 1));
  const clauses = await Promise.all(
    uses.map(async ({ grantId }) => client.chain.read("AccessACL", "clausesOf", [grantId])),
  );
  const versions = await Promise.all(
    uses.map(({ grantId }) => client.chain.read<bigint>("AccessACL", "admissibleVersionOf", [grantId])),
  );
  const [first] = clauses;
  if (first === undefined || first.grantee === ZeroAddress) {
    throw new CosFailure("not-found", "NO_GRANT", "there is no such grant", {
      hint: "list your grants with `cos access list`",
    });
  }
  checkPurpose(wish.purpose, first.purposeHash);
  const job: JobDocument = {
    format: "cos-job/1",
    params: { ...wish.params },
    purpose: statePurpose(wish.purpose),
  };
  const answer = await quoteAtGateway(client, grantee, wish, job, uses, versions);
  const now = await client.chain.now();
  const lastSecond = Math.min(...clauses.map((c) => Number(c.expiry)));
  const feeTokens = new Set(
    clauses.map((c) => c.feeToken as string).filter((token) => token !== ZeroAddress),
  );
  const algorithm = await client.chain.read("AlgorithmRegistry", "algorithmOf", [wish.algorithmId]);
  if (algorithm.feeToken !== ZeroAddress) feeTokens.add(algorithm.feeToken);
  const terms: PermitTerms = {
    grantIds: uses.map((use) => use.grantId),
    datasetIds: uses.map((use) => use.datasetId),
    datasetVersions: answer.datasets.map((d) => d.version),
    datasetRoots: answer.datasets.map((d) => toHex(d.manifestCommitment) as Digest),
    algorithmId: wish.algorithmId as Digest,
    purposeHash: first.purposeHash,
    paramsHash: toHex(answer.paramsHash) as Digest,
    grantee: grantee.address,
    operator: client.platform.operator,
    regionCode: first.regionCode,
    expiry: Math.min(now + (wish.validSeconds ?? day), lastSecond),
    challengeWindow: wish.challengeWindowSeconds ?? 0,
    releaseWindow: wish.releaseWindowSeconds ?? 30 * day,
    feeToken: [...feeTokens][0] ?? ZeroAddress,
    maxFee: "0",
    epsilonMicro: "0",
    deltaNano: "0",
    exactReleases: wish.exactReleases ?? 1,
    replicas: wish.replicas ?? 2,
  };
  checkParamsHash(job, terms.paramsHash);
  const fees = await client.chain.read("JobPermits", "quote", [terms]);
  const priced = { ...terms, maxFee: (wish.maxFee ?? (fees.total as bigint)).toString() };
  const draft = await toDraft(client, grantee, priced, wish.program, job);
  return { quote: toQuote(answer, fees), draft };
}

async function quoteAtGateway(
  client: CosClient,
  grantee: Account,
  wish: JobWish,
  job: JobDocument,
  uses: JobWish["uses"],
  versions: readonly bigint[],
): Promise<QuoteJobResponse> {
  const session = client.session(grantee);
  const quote = QuoteJobRequest.fromPartial({
    algorithmId: toBytes(wish.algorithmId),
    datasets: uses.map(({ datasetId }, i) => ({ datasetId, version: Number(versions[i] ?? 0n) })),
    paramsJson: canonicalJson(job),
  });
  const answer = await orFail(client.services.jobs.quoteJob({ quote }, await session.metadata()));
  if (answer.quote === undefined)
    throw new CosFailure("unavailable", "EMPTY_QUOTE", "the gateway sent no quote");
  return answer.quote;
}

/** The gateway names the parameters' digest; a wrong one would buy another computation. */
function checkParamsHash(job: JobDocument, paramsHash: string): void {
  const mine = paramsHashOf(job);
  if (mine === paramsHash) return;
  throw new CosFailure(
    "integrity",
    "PARAMS_MISMATCH",
    "the gateway stored other parameters than were asked for",
    {
      facts: { expected: mine, actual: paramsHash },
    },
  );
}

/** The chain holds the granted purpose's hash; stating another would only be refused later. */
function checkPurpose(purpose: Purpose, granted: string): void {
  const stated = purposeHash(purpose);
  if (stated === granted) return;
  throw new CosFailure("refused", "PURPOSE_MISMATCH", "the stated purpose is not the one that was granted", {
    clause: 3,
    facts: { granted, stated },
    hint: "give the file of the request that was granted with --request-file",
  });
}

async function toDraft(
  client: CosClient,
  grantee: Account,
  terms: PermitTerms,
  program: string,
  job: JobDocument,
): Promise<PermitDraft> {
  const nonce = freshNonce();
  const termsHash = await client.chain.read<string>("JobPermits", "termsHashOf", [terms]);
  const permitId = await client.chain.read<string>("JobPermits", "permitIdOf", [
    grantee.address,
    nonce,
    termsHash,
  ]);
  return {
    format: "cos-permit-draft/1",
    chainId: client.platform.chain.chainId,
    jobPermits: client.chain.addressOf("JobPermits"),
    terms,
    nonce,
    permitId: permitId as Digest,
    termsHash: termsHash as Digest,
    program,
    job,
  };
}

const toQuote = (
  answer: QuoteJobResponse,
  fees: { token: string; total: bigint; compute: bigint; author: bigint; data: readonly bigint[] } & object,
): JobQuote => ({
  tasks: answer.tasks,
  inputBytes: Number(answer.inputBytes),
  resultBytes: Number(answer.resultBytes),
  computeSeconds: answer.computeSeconds,
  planDigest: toHex(answer.planDigest),
  paramsHash: toHex(answer.paramsHash) as Digest,
  alternatives: answer.alternatives.map((each) => ({
    dataset: each.dataset,
    name: each.name,
    profile: each.profile,
    maxRowsPerRun: each.maxRowsPerRun,
    runs: each.runs,
    tasks: each.tasks,
    restBytes: Number(each.restBytes),
    inputBytes: Number(each.inputBytes),
    resultBytes: Number(each.resultBytes),
    seconds: Object.fromEntries(each.engines.map(({ engine, seconds }) => [engine, seconds])),
    computeFee: each.computeFee,
    lost: each.lost === "" ? null : { code: each.lost, facts: JSON.parse(each.factsJson) },
  })),
  costModel: answer.costModel,
  fee: {
    token: fees.token,
    total: fees.total.toString(),
    compute: fees.compute.toString(),
    author: fees.author.toString(),
    data: [...fees.data].map(String),
  },
});
