import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import {
  type Assurance,
  algorithmIdOf,
  builtInPrograms,
  EvaluationPool,
  type JobParams,
  maxResultBytes,
  type PlanRequest,
  type Program,
  parseProgram,
  planJob,
  recomputeResult,
  type VerifiedResult,
  type VerifyError,
  verifyResult,
} from "@cos/programs";
import { TicketKind } from "@cos/proto/gateway";
import {
  type Address,
  checkJobDocument,
  type Manifest,
  manifestCommitment,
  parseManifest,
  parseResultBundle,
  type ResultBundle,
} from "@cos/protocol";
import { id } from "ethers";
import type { CosClient } from "../cos-client.ts";
import {
  digestOfUri,
  fetchManifest,
  openOwnDataset,
  readDataset,
  readVersion,
} from "../datasets/published-dataset.ts";
import { CosFailure, factsOf } from "../failure.ts";
import type { CosHome } from "../home/cos-home.ts";
import type { Account } from "../keystore/account.ts";
import type { Transfer } from "../objects/transfers.ts";
import { type PermitOnChain, readPermit } from "./permit-on-chain.ts";
import { ResultFile } from "./result-file.ts";

export type VerifyOptions = {
  /** A program that is not built in. */
  readonly programFile?: string;
  /** Manifests of the permit's other owners. */
  readonly manifestFiles?: readonly string[];
  /** Compute the whole result again from the ciphertexts instead of trusting matching replicas. */
  readonly recompute?: boolean;
  readonly onDownload?: (bytes: number, total: number) => void;
};

/** A result that passed every check and may be opened. Whoever holds it closes its file. */
export type VerifiedPermit = VerifiedResult & {
  readonly permit: PermitOnChain;
  readonly program: Program;
  readonly params: JobParams;
  readonly bundle: ResultBundle;
  readonly result: ResultFile;
  readonly manifests: readonly Manifest[];
  /** Datasets of the permit that the account owns: index in the permit, and a transfer to read them. */
  readonly own: readonly { index: number; datasetId: string; manifest: Manifest; transfer: Transfer }[];
  readonly assurance: "replicas" | "recomputed";
};

/**
 * Everything that has to hold before a secret key touches a result: the chain's terms and commitment, the manifests, the
 * plan derived again, the bundle, the ciphertexts' structure, and replicas that agree (or the result recomputed).
 * Nothing is decrypted here. The result lies in the home's folder for results, where a run that was broken off or killed
 * goes on.
 */
export async function verifyPermit(
  client: CosClient,
  home: CosHome,
  owner: Account,
  permitId: string,
  options: VerifyOptions = {},
): Promise<VerifiedPermit> {
  const permit = await readPermit(client, permitId);
  if (permit.result === null || permit.state === "REFUNDED") {
    throw new CosFailure(
      "refused",
      "NO_RESULT",
      `the permit holds no result (${permit.state.toLowerCase()})`,
      {
        facts: { permitId, state: permit.state },
        hint: "follow it with: cos job watch PERMIT",
      },
    );
  }
  const program = await findProgram(permit, options.programFile);
  const own = await ownParts(client, owner, permit);
  const manifests = await allManifests(permit, own, options.manifestFiles ?? []);
  const { bundle, result } = await fetchResult(client, home, owner, permit, options);
  try {
    const job = checkJobDocument(bundle.job, permit);
    if (!job.ok) throw verifyFailure(job.error, permitId);
    const { params, purpose } = job.value;
    const assurance = options.recompute
      ? await recomputed(client, own, { program, manifests, params, purpose: purpose.duo }, permit)
      : await replicas(client, permit, bundle);
    const terms = { ...permit, resultCommitment: permit.result.commitment };
    const verified = await verifyResult({ permit: terms, program, manifests, bundle, result, assurance });
    if (!verified.ok) throw verifyFailure(verified.error, permitId);
    return {
      ...verified.value,
      permit,
      program,
      params,
      bundle,
      result,
      manifests,
      own,
      assurance: assurance.kind,
    };
  } catch (cause) {
    await result.endAfter(cause);
    throw cause;
  }
}

async function findProgram(permit: PermitOnChain, file: string | undefined): Promise<Program> {
  const builtIn = builtInPrograms.find((program) => algorithmIdOf(program) === permit.algorithmId);
  if (builtIn !== undefined) return builtIn;
  const parsed = file === undefined ? undefined : parseProgram(await readFile(file));
  if (parsed?.ok === true && algorithmIdOf(parsed.value) === permit.algorithmId) return parsed.value;
  throw new CosFailure("not-found", "PROGRAM_UNKNOWN", "the permit's program is not built in", {
    facts: { algorithmId: permit.algorithmId },
    hint: "get its canonical JSON from the author and give it with --program-file",
  });
}

async function ownParts(
  client: CosClient,
  owner: Account,
  permit: PermitOnChain,
): Promise<{ index: number; datasetId: string; manifest: Manifest; transfer: Transfer }[]> {
  const parts = [];
  for (const [index, datasetId] of permit.datasetIds.entries()) {
    const dataset = await readDataset(client, datasetId);
    if (dataset.owner.toLowerCase() !== owner.address) continue;
    const version = permit.datasetVersions[index] ?? 0;
    const transfer = await openOwnDataset(client, owner, datasetId, version);
    const on = await readVersion(client, datasetId, version);
    parts.push({ index, datasetId, transfer, manifest: await fetchManifest(client, transfer, on) });
  }
  if (parts.length > 0) return parts;
  throw new CosFailure("refused", "NOT_OWNER", "the account owns none of the permit's datasets", {
    clause: 7,
    facts: { permitId: permit.permitId },
    hint: "only an owner opens a result; a grantee receives a release: cos result receive FILE",
  });
}

/** Every dataset's manifest, in the permit's order; others' owners hand theirs over, the chain says whether they are it. */
async function allManifests(
  permit: PermitOnChain,
  own: readonly { index: number; manifest: Manifest }[],
  files: readonly string[],
): Promise<Manifest[]> {
  const known = new Map(own.map(({ manifest }) => [manifestCommitment(manifest), manifest]));
  for (const file of files) {
    const parsed = parseManifest(await readFile(file));
    if (!parsed.ok) throw new CosFailure("usage", parsed.error.code, `${file} is no manifest`);
    known.set(manifestCommitment(parsed.value), parsed.value);
  }
  return permit.datasetRoots.map((root, index) => {
    const manifest = known.get(root);
    if (manifest !== undefined) return manifest;
    throw new CosFailure(
      "not-found",
      "MANIFEST_NEEDED",
      "the manifest of another owner's dataset is needed",
      {
        facts: { datasetId: permit.datasetIds[index] ?? "", commitment: root },
        hint: "ask that owner for its manifest.json and give it with --manifest FILE",
      },
    );
  });
}

/** Of a result: the ciphertexts that a plan may have, and what is said of them in front. */
const mostBytes = 1.01 * maxResultBytes;

async function fetchResult(
  client: CosClient,
  home: CosHome,
  owner: Account,
  permit: PermitOnChain,
  { onDownload }: VerifyOptions,
): Promise<{ bundle: ResultBundle; result: ResultFile }> {
  const transfer = await client.transfers.open(client.session(owner), {
    kind: TicketKind.TICKET_KIND_RESULT,
    permitId: Buffer.from(permit.permitId.slice(2), "hex"),
  });
  const bundleBytes = await client.transfers.download(transfer, digestOfUri(permit.result?.uri ?? ""));
  const bundle = parseResultBundle(bundleBytes);
  if (!bundle.ok) {
    throw new CosFailure("integrity", bundle.error.code, "the result's bundle cannot be read", {
      facts: factsOf(bundle.error),
    });
  }
  const { entries } = bundle.value;
  if (entries.sizeBytes > mostBytes) {
    throw new CosFailure("integrity", "RESULT_TOO_LARGE", "the result is said to be larger than any can be", {
      facts: { sizeBytes: entries.sizeBytes, most: mostBytes },
      hint: "nothing was fetched; tell the operator",
    });
  }
  const result = await ResultFile.fetch(client.transfers, transfer, home, entries, (bytes) =>
    onDownload?.(bytes, entries.sizeBytes),
  );
  return { bundle: bundle.value, result };
}

/** Replicas count only from workers that the chain names, and as many as the permit asked for, two at least. */
async function replicas(client: CosClient, permit: PermitOnChain, bundle: ResultBundle): Promise<Assurance> {
  const claimed = new Set(bundle.tasks.flatMap((task) => task.attestations.map((a) => a.worker)));
  const workers = new Set<Address>();
  for (const worker of claimed) {
    if (await client.chain.read<boolean>("Authority", "hasRole", [id("WORKER"), worker])) workers.add(worker);
  }
  if (permit.replicas < 2) {
    throw new CosFailure("refused", "REPLICAS_MISSING", "the permit asked for one replica only", {
      facts: { replicas: permit.replicas },
      hint: "compute the result again yourself: add --recompute",
    });
  }
  return {
    kind: "replicas",
    chainId: BigInt(client.platform.chain.chainId),
    minReplicas: permit.replicas,
    isWorker: (address) => workers.has(address),
  };
}

async function recomputed(
  client: CosClient,
  own: readonly { transfer: Transfer }[],
  job: PlanRequest,
  permit: PermitOnChain,
): Promise<Assurance> {
  const plan = planJob(job);
  if (!plan.ok) throw verifyFailure({ code: "PLAN_REFUSED", reason: plan.error }, permit.permitId);
  const transfer = own[0]?.transfer;
  if (transfer === undefined || own.length !== permit.datasetIds.length) {
    throw new CosFailure(
      "usage",
      "CANNOT_RECOMPUTE",
      "only the owner of all datasets can compute a result again",
    );
  }
  const pool = new EvaluationPool(availableParallelism());
  try {
    const result = await recomputeResult(pool, plan.value, (ref) =>
      client.transfers.download(transfer, ref.digest),
    );
    if (result.ok) return { kind: "recomputed", outputDigest: result.value.outputDigest };
    throw new CosFailure(
      "integrity",
      result.error.code,
      "the result cannot be computed from the stored blocks",
      {
        facts: factsOf(result.error),
      },
    );
  } finally {
    await pool.close();
  }
}

const words: Record<VerifyError["code"], string> = {
  RESULT_OF_OTHER_PROGRAM: "the result was made by another program than the permit names",
  RESULT_OF_OTHER_INPUTS: "the result was made from other inputs than the permit names",
  RESULT_OF_OTHER_PERMIT: "the result belongs to another permit",
  RESULT_OF_OTHER_PLAN: "the result was made by another plan",
  PARAMS_MISMATCH: "the result was made with other parameters than the permit names",
  PURPOSE_MISMATCH: "the result was made for another purpose than was granted",
  RESULT_OF_OTHER_CONTEXT: "the result is under another key than the dataset's",
  COMMITMENT_MISMATCH: "the result is not what was committed to on chain",
  OUTPUT_DIGEST_MISMATCH: "the result's bytes are not those that were claimed",
  RESULT_STRUCTURE: "the result does not hold exactly the planned ciphertexts",
  RESULT_TRANSPARENT: "a ciphertext of the result hides nothing: opening it would show the secret key",
  RESULT_MALFORMED: "the result cannot be read",
  REPLICAS_DISAGREE: "two workers computed different results",
  REPLICAS_MISSING: "too few workers attested the result",
  ATTESTATION_INVALID: "an attestation is not by a worker that the chain names",
  PLAN_REFUSED: "the job cannot be planned from what the permit names",
};

function verifyFailure(error: VerifyError, permitId: string): CosFailure {
  const reason = error.code === "PLAN_REFUSED" ? { reason: error.reason.code } : {};
  return new CosFailure("integrity", error.code, `${words[error.code]}; nothing was opened`, {
    facts: { permitId, ...factsOf(error), ...reason },
    hint: "challenge it, or let the release time pass: your part of the fee goes back to the grantee",
  });
}
