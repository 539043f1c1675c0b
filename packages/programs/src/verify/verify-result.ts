import { type ContainerError, checkCiphertext, findProfile, openCiphertextList } from "@cos/fhe";
import {
  type Address,
  type AlgorithmId,
  checkJobDocument,
  type Digest,
  digestOfBytes,
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
  resultBytes: Uint8Array;
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

/** A result that may be opened, and the plan to read it by. */
export type VerifiedResult = { plan: Plan; planDigest: Digest };

/**
 * The checks before any decryption, in this order: the plan is derived again from the permit's terms; the bundle
 * claims exactly that plan, program, inputs and context; the claim is what stands on chain; the bytes are the claimed
 * ones, with exactly the planned entries and no transparent polynomial; and every task's output was attested by
 * enough different workers that agree, or recomputed by the owner. Pure: no key, no clock, no network.
 */
export function verifyResult(request: VerifyRequest): Result<VerifiedResult, VerifyError> {
  const planned = rederivePlan(request);
  if (!planned.ok) return planned;
  const { plan, planDigest } = planned.value;
  const fault =
    checkClaim(request, plan, planDigest) ??
    checkStructure(plan, planDigest, request.resultBytes) ??
    checkAssurance(request, plan, planDigest);
  return fault === undefined ? planned : err(fault);
}

function rederivePlan({
  permit,
  program,
  manifests,
  bundle,
}: VerifyRequest): Result<VerifiedResult, VerifyError> {
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

function checkClaim(
  { permit, bundle, resultBytes }: VerifyRequest,
  plan: Plan,
  planDigest: Digest,
): VerifyError | undefined {
  const pairs = [
    ["RESULT_OF_OTHER_PERMIT", permit.permitId, bundle.permitId],
    ["RESULT_OF_OTHER_PROGRAM", permit.algorithmId, bundle.algorithmId],
    ["RESULT_OF_OTHER_INPUTS", plan.inputsRoot, bundle.inputsRoot],
    ["RESULT_OF_OTHER_CONTEXT", plan.contextDigest, bundle.contextDigest],
    ["RESULT_OF_OTHER_PLAN", planDigest, bundle.planDigest],
    ["OUTPUT_DIGEST_MISMATCH", bundle.entries.digest, digestOfBytes(resultBytes)],
    [
      "COMMITMENT_MISMATCH",
      permit.resultCommitment,
      resultCommitment({ ...bundle, outputDigest: bundle.entries.digest }),
    ],
  ] as const;
  for (const [code, expected, actual] of pairs) if (expected !== actual) return { code, expected, actual };
  return undefined;
}

function checkStructure(plan: Plan, planDigest: Digest, resultBytes: Uint8Array): VerifyError | undefined {
  const list = openCiphertextList(resultBytes);
  if (!list.ok) return toMalformed(list.error);
  const { header, count } = list.value;
  const reduce = plan.tasks.length - 1;
  if (header.planDigest !== planDigest || header.taskId !== taskIdOf(planDigest, reduce)) {
    return { code: "RESULT_STRUCTURE", detail: "not the output of this plan's reduce task" };
  }
  if (JSON.stringify(header.contexts.map(contextKey)) !== JSON.stringify(plan.contexts.map(contextKey))) {
    return { code: "RESULT_STRUCTURE", detail: "other contexts than planned" };
  }
  const expected = entriesOfPlan(plan);
  if (count !== expected.length) {
    return { code: "RESULT_STRUCTURE", detail: `${count} entries where ${expected.length} are planned` };
  }
  for (const [i, want] of expected.entries()) {
    const entry = list.value.describe(i);
    const contraction = plan.contractions[want.contraction];
    const fits =
      entry.contraction === want.contraction &&
      entry.variantBlock === want.variantBlock &&
      entry.run === want.run &&
      entry.degree === contraction?.degree &&
      entry.context === contraction.context;
    if (!fits) return { code: "RESULT_STRUCTURE", detail: `entry ${i} is not the planned one` };
    const packed = list.value.packed(i);
    if (!packed.ok) return toMalformed(packed.error);
    const profile = findProfile(plan.contexts[entry.context]?.profile ?? "");
    if (!profile.ok) return { code: "RESULT_STRUCTURE", detail: "unknown profile" };
    const sound = checkCiphertext(profile.value, packed.value, entry.degree);
    if (sound.ok) continue;
    return sound.error.code === "CIPHERTEXT_TRANSPARENT"
      ? { code: "RESULT_TRANSPARENT", entry: i, polynomial: sound.error.polynomial }
      : toMalformed(sound.error);
  }
  return undefined;
}

const contextKey = (c: Plan["contexts"][number]): string[] => [c.profile, c.parameterDigest, c.contextDigest];

const toMalformed = (error: ContainerError): VerifyError => ({
  code: "RESULT_MALFORMED",
  detail: error.code === "CONTAINER_MALFORMED" ? error.detail : error.code,
});

function checkAssurance(
  { assurance, bundle, permit, resultBytes }: VerifyRequest,
  plan: Plan,
  planDigest: Digest,
): VerifyError | undefined {
  const outputDigest = digestOfBytes(resultBytes);
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
