import { findProfile, maxEventsLog2, packedCiphertextBytes } from "@cos/fhe";
import {
  type Digest,
  err,
  inputsRootOf,
  jointContextDigest,
  manifestCommitment,
  ok,
  type Result,
} from "@cos/protocol";
import { algorithmIdOf } from "../program.ts";
import { costModelVersion, workSeconds } from "./cost-model.ts";
import { addDataset } from "./cut-tasks.ts";
import type { Plan } from "./plan.ts";
import {
  type Candidate,
  type DatasetPlan,
  type PlanDatasetError,
  type PlanRequest,
  planDataset,
} from "./plan-dataset.ts";

export type { PlanError, PlanRequest } from "./plan-dataset.ts";

export type PlanJobError =
  | PlanDatasetError
  /** More random events than the failure bound is made for. */
  | { code: "JOB_TOO_LARGE"; eventsLog2: number; maxEventsLog2: number }
  /** The encrypted result is one object, and would be larger than stores take. */
  | { code: "RESULT_TOO_LARGE"; resultBytes: number; maxResultBytes: number };

/** Ciphertext in a result: S3 takes 5 GiB in one request, and the list of what is in it comes on top. */
export const maxResultBytes = 5e9;

/**
 * Divides a job into tasks. Of the ways in which each dataset can be read it takes the cheapest by the cost model.
 * Deterministic: equal requests give equal plans, whatever the engine or the machine. Every bound is checked here, before
 * a permit is quoted: a program that could overflow is refused with the numbers.
 */
export function planJob(request: PlanRequest): Result<Plan, PlanJobError> {
  const candidates = planCandidates(request);
  if (!candidates.ok) return candidates;
  return buildPlan(
    request,
    candidates.value.map(([best]) => planOf(best as Candidate)),
  );
}

/** Every dataset's ways, the cheapest first. */
export function planCandidates(request: PlanRequest): Result<Candidate[][], PlanDatasetError> {
  const all: Candidate[][] = [];
  for (const [dataset, manifest] of request.manifests.entries()) {
    const candidates = planDataset(request, manifest, dataset);
    if (!candidates.ok) return candidates;
    all.push(candidates.value);
  }
  return ok(all);
}

/** The share behind a candidate that is known to work. */
export function planOf({ plan }: Candidate): DatasetPlan {
  if (!plan.ok) throw new TypeError("a candidate that was refused");
  return plan.value;
}

/** Numbers contractions, runs and tasks over the whole job. @errors `JOB_TOO_LARGE`, `RESULT_TOO_LARGE` */
export function buildPlan(request: PlanRequest, parts: readonly DatasetPlan[]): Result<Plan, PlanJobError> {
  const eventsLog2 = Math.log2(parts.reduce((sum, p) => sum + p.events, 1));
  if (eventsLog2 > maxEventsLog2) return err({ code: "JOB_TOO_LARGE", eventsLog2, maxEventsLog2 });
  const commitments = request.manifests.map(manifestCommitment); // each hashes all of a manifest's blocks
  const plan: Plan = {
    format: "cos-plan/2",
    costModel: costModelVersion,
    algorithmId: algorithmIdOf(request.program),
    params: request.params,
    inputsRoot: inputsRootOf(commitments),
    contextDigest: jointContextDigest(request.manifests.map((m) => m.contextDigest)),
    datasets: [],
    contexts: [],
    contractions: [],
    runs: [],
    tasks: [],
    estimate: { inputBytes: 0, outputBytes: 0, cost: 0 },
  };
  const jobSeconds = parts.reduce((sum, p) => sum + workSeconds(p.cost), 0);
  for (const [dataset, part] of parts.entries()) {
    addDataset(plan, dataset, part, commitments[dataset] as Digest, jobSeconds);
  }
  addReduce(plan);
  const { outputBytes } = plan.estimate;
  return outputBytes > maxResultBytes
    ? err({ code: "RESULT_TOO_LARGE", resultBytes: outputBytes, maxResultBytes })
    : ok(plan);
}

/** Bytes that the reduce task gathers for the work of one pass. */
const reducedBytesPerPass = 16_384;

/** Adds the task that gathers all others, and the estimate of the whole. */
function addReduce(plan: Plan): void {
  const evaluated = plan.tasks.filter((t) => t.kind === "evaluate");
  const inputBytes = evaluated.reduce((sum, t) => sum + t.estimate.outputBytes, 0);
  const outputBytes = resultBytes(plan);
  const estimate = { inputBytes, outputBytes, cost: Math.ceil(inputBytes / reducedBytesPerPass) };
  plan.tasks.push({
    kind: "reduce",
    index: plan.tasks.length,
    inputs: evaluated.map((t) => t.index),
    estimate,
  });
  plan.estimate = plan.tasks.reduce(
    (sum, t) => ({
      inputBytes: sum.inputBytes + t.estimate.inputBytes,
      outputBytes,
      cost: sum.cost + t.estimate.cost,
    }),
    { inputBytes: 0, outputBytes, cost: 0 },
  );
}

function resultBytes(plan: Plan): number {
  let bytes = 0;
  for (const contraction of plan.contractions) {
    const profile = findProfile(plan.contexts[contraction.context]?.profile ?? "");
    const runs = plan.runs.filter((r) => r.dataset === contraction.dataset).length;
    const blocks = new Set(
      plan.tasks.flatMap((t) =>
        t.kind === "evaluate" && t.contractions.includes(contraction.index)
          ? t.variantBlocks.map((v) => v.index)
          : [],
      ),
    ).size;
    if (profile.ok) bytes += runs * blocks * packedCiphertextBytes(profile.value, contraction.degree);
  }
  return bytes;
}
