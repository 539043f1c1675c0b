import {
  type ByteSource,
  type CiphertextEntry,
  type ContainerError,
  checkCiphertext,
  type EntryKey,
  findProfile,
  readCiphertextList,
  type StoredCiphertextList,
} from "@cos/fhe";
import {
  type Address,
  type AlgorithmId,
  checkJobDocument,
  type Digest,
  err,
  inputsRootOf,
  type JobDocumentMismatch,
  type Manifest,
  manifestCommitment,
  ok,
  type PermitId,
  type Result,
  type ResultBundle,
  recoverTaskAttestation,
  resultCommitment,
} from "@cos/protocol";
import { entriesOfPlan, type Plan, planDigestOf, taskIdOf } from "../plan/plan.ts";
import { type PlanJobError, planJob } from "../plan/plan-job.ts";
import { algorithmIdOf, type Program } from "../program.ts";
import { DigestedSource } from "./digested-source.ts";

/** What the chain says about the permit: read from logs, never from whoever hands over the result. */
export type PermitTerms = {
  permitId: PermitId;
  algorithmId: AlgorithmId;
  /** Digest of the job document: parameters and stated purpose. */
  paramsHash: Digest;
  /** Clause 3, as granted. */
  purposeHash: Digest;
  /** Manifest commitments of the datasets, in the permit's order. */
  datasetRoots: readonly Digest[];
  /** The commitment that settlement posted. */
  resultCommitment: Digest;
};

/** How the result is known to be the program's, beyond its shape. */
export type Assurance =
  | {
      kind: "replicas";
      chainId: bigint;
      /** Different workers that must have attested the same output of every task; at least 2. */
      minReplicas: number;
      /** Whether an address is a worker that the owner accepts. */
      isWorker: (address: Address) => boolean;
    }
  /** The owner computed the result itself, from the ciphertexts: see `recomputeResult`. */
  | { kind: "recomputed"; outputDigest: Digest };

export type VerifyRequest = {
  permit: PermitTerms;
  program: Program;
  manifests: readonly Manifest[];
  bundle: ResultBundle;
  /** The result's bytes, wherever they lie. */
  result: ByteSource;
  assurance: Assurance;
};

export type VerifyError =
  /** The program at hand is not the permit's, or the result says it was made by another. */
  | { code: "RESULT_OF_OTHER_PROGRAM"; expected: Digest; actual: Digest }
  /** The manifests at hand are not the permit's, or the result says it was made from others. */
  | { code: "RESULT_OF_OTHER_INPUTS"; expected: Digest; actual: Digest }
  | { code: "RESULT_OF_OTHER_PERMIT"; expected: Digest; actual: Digest }
  | { code: "RESULT_OF_OTHER_PLAN"; expected: Digest; actual: Digest }
  /** The bundle's job document is not the permit's, or states another purpose than was granted. */
  | JobDocumentMismatch
  | { code: "RESULT_OF_OTHER_CONTEXT"; expected: Digest; actual: Digest }
  /** What the bundle claims is not what was committed on chain. */
  | { code: "COMMITMENT_MISMATCH"; expected: Digest; actual: Digest }
  /** The result's bytes are not those that were claimed, attested or recomputed. */
  | { code: "OUTPUT_DIGEST_MISMATCH"; expected: Digest; actual: Digest }
  /** Entries missing, too many, in another order, of another degree or context than planned. */
  | { code: "RESULT_STRUCTURE"; detail: string }
  /** A polynomial that hides nothing: a forgery that would decrypt to the secret key. */
  | { code: "RESULT_TRANSPARENT"; entry: number; polynomial: number }
  | { code: "RESULT_MALFORMED"; detail: string }
  | { code: "REPLICAS_DISAGREE"; taskId: Digest }
  | { code: "REPLICAS_MISSING"; taskId: Digest; have: number; need: number }
  | { code: "ATTESTATION_INVALID"; taskId: Digest; worker: Address }
  | { code: "PLAN_REFUSED"; reason: PlanJobError };

type Planned = { plan: Plan; planDigest: Digest };

/**
 * A result that may be opened, and the plan to read it by. The list's head is the one that was checked: what it reads
 * later are those ciphertexts, or is refused.
 */
export type VerifiedResult = Planned & { ciphertexts: StoredCiphertextList };

/**
 * The checks before any decryption, in this order: the plan is derived again from the permit's terms; the bundle
 * claims exactly that plan, program, inputs and context; the bytes are the claimed ones; the claim is what stands on
 * chain; they hold exactly the planned entries and no transparent polynomial; and every task's output was attested by
 * enough different workers that agree, or recomputed by the owner. No key, no clock, no network.
 *
 * Reads the result once, from front to back. Memory: the list's head and some of its ciphertexts.
 */
export async function verifyResult(request: VerifyRequest): Promise<Result<VerifiedResult, VerifyError>> {
  const planned = rederivePlan(request);
  if (!planned.ok) return planned;
  const claimed = checkClaim(request, planned.value);
  if (claimed !== undefined) return err(claimed);
  const { outputDigest, list } = await readResult(planned.value, request.result);
  const committed = checkCommitment(request, outputDigest);
  if (committed !== undefined) return err(committed);
  if (!list.ok) return list;
  const assured = checkAssurance(request, planned.value, outputDigest);
  return assured === undefined ? ok({ ...planned.value, ciphertexts: list.value }) : err(assured);
}

function rederivePlan({ permit, program, manifests, bundle }: VerifyRequest): Result<Planned, VerifyError> {
  const algorithmId = algorithmIdOf(program);
  if (algorithmId !== permit.algorithmId) {
    return err({ code: "RESULT_OF_OTHER_PROGRAM", expected: permit.algorithmId, actual: algorithmId });
  }
  const expected = inputsRootOf(permit.datasetRoots);
  const actual = inputsRootOf(manifests.map(manifestCommitment));
  if (actual !== expected) return err({ code: "RESULT_OF_OTHER_INPUTS", expected, actual });
  const job = checkJobDocument(bundle.job, permit);
  if (!job.ok) return job;
  const { params, purpose } = job.value;
  const plan = planJob({ program, manifests, params, purpose: purpose.duo });
  if (!plan.ok) return err({ code: "PLAN_REFUSED", reason: plan.error });
  return ok({ plan: plan.value, planDigest: planDigestOf(plan.value) });
}

/** The first of these claims that is not what it should be. */
function firstMismatch<Code extends string>(
  claims: readonly (readonly [code: Code, expected: Digest, actual: Digest])[],
): { code: Code; expected: Digest; actual: Digest } | undefined {
  for (const [code, expected, actual] of claims) if (expected !== actual) return { code, expected, actual };
  return undefined;
}

const checkClaim = (
  { permit, bundle }: VerifyRequest,
  { plan, planDigest }: Planned,
): VerifyError | undefined =>
  firstMismatch([
    ["RESULT_OF_OTHER_PERMIT", permit.permitId, bundle.permitId],
    ["RESULT_OF_OTHER_PROGRAM", permit.algorithmId, bundle.algorithmId],
    ["RESULT_OF_OTHER_INPUTS", plan.inputsRoot, bundle.inputsRoot],
    ["RESULT_OF_OTHER_CONTEXT", plan.contextDigest, bundle.contextDigest],
    ["RESULT_OF_OTHER_PLAN", planDigest, bundle.planDigest],
  ]);

const checkCommitment = ({ permit, bundle }: VerifyRequest, outputDigest: Digest): VerifyError | undefined =>
  firstMismatch([
    ["OUTPUT_DIGEST_MISMATCH", bundle.entries.digest, outputDigest],
    [
      "COMMITMENT_MISMATCH",
      permit.resultCommitment,
      resultCommitment({ ...bundle, outputDigest: bundle.entries.digest }),
    ],
  ]);

/** Ciphertexts that are read at once. */
const runLength = 32;

/** The digest of all bytes, and the list in them or why it is not the planned one: both of the same, single reading. */
async function readResult(
  planned: Planned,
  result: ByteSource,
): Promise<{ outputDigest: Digest; list: Result<StoredCiphertextList, VerifyError> }> {
  const source = new DigestedSource(result);
  const list = await readPlanned(planned, source);
  return { outputDigest: await source.digest(), list };
}

async function readPlanned(
  { plan, planDigest }: Planned,
  source: ByteSource,
): Promise<Result<StoredCiphertextList, VerifyError>> {
  const list = await readCiphertextList(source);
  if (!list.ok) return err(toMalformed(list.error));
  const { header, count, describe, packedRun } = list.value;
  const reduce = plan.tasks.length - 1;
  if (header.planDigest !== planDigest || header.taskId !== taskIdOf(planDigest, reduce)) {
    return err({ code: "RESULT_STRUCTURE", detail: "not the output of this plan's reduce task" });
  }
  if (JSON.stringify(header.contexts.map(contextKey)) !== JSON.stringify(plan.contexts.map(contextKey))) {
    return err({ code: "RESULT_STRUCTURE", detail: "other contexts than planned" });
  }
  const expected = entriesOfPlan(plan);
  if (count !== expected.length) {
    return err({
      code: "RESULT_STRUCTURE",
      detail: `${count} entries where ${expected.length} are planned`,
    });
  }
  for (let first = 0; first < count; first += runLength) {
    const run = await packedRun(first, Math.min(runLength, count - first));
    for (const [i, packed] of run.entries()) {
      const index = first + i;
      const fault = checkEntry(plan, index, describe(index), expected[index] as EntryKey, packed);
      if (fault !== undefined) return err(fault);
    }
  }
  return list;
}

function checkEntry(
  plan: Plan,
  index: number,
  entry: Omit<CiphertextEntry, "packed">,
  want: EntryKey,
  packed: Result<Uint8Array, ContainerError>,
): VerifyError | undefined {
  const contraction = plan.contractions[want.contraction];
  const fits =
    entry.contraction === want.contraction &&
    entry.variantBlock === want.variantBlock &&
    entry.run === want.run &&
    entry.degree === contraction?.degree &&
    entry.context === contraction.context;
  if (!fits) return { code: "RESULT_STRUCTURE", detail: `entry ${index} is not the planned one` };
  if (!packed.ok) return toMalformed(packed.error);
  const profile = findProfile(plan.contexts[entry.context]?.profile ?? "");
  if (!profile.ok) return { code: "RESULT_STRUCTURE", detail: "unknown profile" };
  const sound = checkCiphertext(profile.value, packed.value, entry.degree);
  if (sound.ok) return undefined;
  return sound.error.code === "CIPHERTEXT_TRANSPARENT"
    ? { code: "RESULT_TRANSPARENT", entry: index, polynomial: sound.error.polynomial }
    : toMalformed(sound.error);
}

const contextKey = (c: Plan["contexts"][number]): string[] => [c.profile, c.parameterDigest, c.contextDigest];

const toMalformed = (error: ContainerError): VerifyError => ({
  code: "RESULT_MALFORMED",
  detail: error.code === "CONTAINER_MALFORMED" ? error.detail : error.code,
});

function checkAssurance(
  { assurance, bundle, permit }: VerifyRequest,
  { plan, planDigest }: Planned,
  outputDigest: Digest,
): VerifyError | undefined {
  if (assurance.kind === "recomputed") {
    return assurance.outputDigest === outputDigest
      ? undefined
      : { code: "OUTPUT_DIGEST_MISMATCH", expected: assurance.outputDigest, actual: outputDigest };
  }
  if (assurance.minReplicas < 2) throw new RangeError("replicas prove something from two on");
  const byTask = new Map(bundle.tasks.map((t) => [t.taskId, t]));
  for (const { index } of plan.tasks) {
    const taskId = taskIdOf(planDigest, index);
    const task = byTask.get(taskId);
    if (task === undefined) {
      return { code: "REPLICAS_MISSING", taskId, have: 0, need: assurance.minReplicas };
    }
    const fault = checkReplicas(task, permit.permitId, assurance);
    if (fault !== undefined) return fault;
  }
  const last = byTask.get(taskIdOf(planDigest, plan.tasks.length - 1));
  if (last?.outputDigest === outputDigest) return undefined;
  return { code: "OUTPUT_DIGEST_MISMATCH", expected: last?.outputDigest as Digest, actual: outputDigest };
}

function checkReplicas(
  task: ResultBundle["tasks"][number],
  permitId: PermitId,
  assurance: Extract<Assurance, { kind: "replicas" }>,
): VerifyError | undefined {
  const { taskId } = task;
  const workers = new Set<Address>();
  for (const { worker, outputDigest, signature } of task.attestations) {
    const signer = recoverTaskAttestation(assurance.chainId, { permitId, taskId, outputDigest }, signature);
    if (signer !== worker || !assurance.isWorker(worker)) {
      return { code: "ATTESTATION_INVALID", taskId, worker };
    }
    if (outputDigest !== task.outputDigest) return { code: "REPLICAS_DISAGREE", taskId };
    workers.add(worker);
  }
  if (workers.size >= assurance.minReplicas) return undefined;
  return { code: "REPLICAS_MISSING", taskId, have: workers.size, need: assurance.minReplicas };
}
