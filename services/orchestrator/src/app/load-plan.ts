import { algorithmIdOf, type Plan, type PlanRequest, parseProgram, planJob } from "@cos/programs";
import {
  type AlgorithmId,
  asDigest,
  checkManifestCommitment,
  type Digest,
  err,
  type JobDocument,
  type Manifest,
  maxManifestBytes,
  ok,
  parseJobDocument,
  parseManifest,
  type Result,
} from "@cos/protocol";
import type { Authority, DatasetView, Objects } from "./ports.ts";

/** What a plan is a function of, as a permit pins it. */
export type PinnedWork = {
  readonly algorithmId: Digest;
  /** Parameters and stated purpose. */
  readonly job: JobDocument;
  readonly datasets: readonly { datasetId: string; version: number; manifestCommitment: Digest }[];
};

/** Why work is refused: a code and the facts that prove it. */
export type WorkRefusal = { readonly code: string; readonly facts: Readonly<Record<string, unknown>> };

/** Something that should be in the store is not there, or not yet. */
export class MissingObject extends Error {
  readonly code = "OBJECT_MISSING";
  readonly digest: string;
  constructor(uri: string) {
    super(`no object at ${uri}`);
    this.digest = uri;
  }
}

export type LoadDeps = { readonly authority: Authority; readonly objects: Objects };

const maxProgramBytes = 256 * 1024;
const maxParamsBytes = 256 * 1024;

export const refuse = <E extends { code: string }>({ code, ...facts }: E) =>
  err({ code, facts } satisfies WorkRefusal);

/**
 * Loads program and manifests by what the chain says of them, and verifies each against its commitment.
 * A refusal names what refuses. @throws MissingObject when the store lacks what the chain names
 */
export async function loadWork(
  deps: LoadDeps,
  work: PinnedWork,
): Promise<Result<{ request: PlanRequest; datasets: DatasetView[] }, WorkRefusal>> {
  const program = await loadProgram(deps, work.algorithmId);
  if (!program.ok) return program;
  const manifests: Manifest[] = [];
  const views: DatasetView[] = [];
  for (const pinned of work.datasets) {
    const found = await loadManifest(deps, pinned);
    if (!found.ok) return found;
    manifests.push(found.value.manifest);
    views.push(found.value.view);
  }
  const { params, purpose } = work.job;
  const request = { program: program.value, manifests, params, purpose: purpose.duo };
  return ok({ request, datasets: views });
}

/** Loads what is pinned, and plans it. @throws MissingObject */
export async function loadPlan(
  deps: LoadDeps,
  work: PinnedWork,
): Promise<Result<{ plan: Plan; datasets: DatasetView[] }, WorkRefusal>> {
  const loaded = await loadWork(deps, work);
  if (!loaded.ok) return loaded;
  const plan = planJob(loaded.value.request);
  return plan.ok ? ok({ plan: plan.value, datasets: loaded.value.datasets }) : refuse(plan.error);
}

async function loadProgram({ authority, objects }: LoadDeps, algorithmId: Digest) {
  const registered = await authority.algorithm(algorithmId);
  if (!registered) return refuse({ code: "ALGORITHM_UNKNOWN", algorithmId });
  if (registered.state !== "approved") {
    return refuse({ code: "ALGORITHM_NOT_APPROVED", algorithmId, state: registered.state });
  }
  const digest = digestOfUri(registered.uri);
  if (!digest) return refuse({ code: "ALGORITHM_URI_UNREADABLE", algorithmId });
  const bytes = await objects.read(digest, maxProgramBytes);
  if (!bytes) throw new MissingObject(registered.uri);
  const program = parseProgram(bytes);
  if (!program.ok) return refuse(program.error);
  const actual: AlgorithmId = algorithmIdOf(program.value);
  if (actual !== algorithmId) return refuse({ code: "ALGORITHM_MISMATCH", expected: algorithmId, actual });
  return ok(program.value);
}

async function loadManifest(
  { authority, objects }: LoadDeps,
  pinned: PinnedWork["datasets"][number],
): Promise<Result<{ manifest: Manifest; view: DatasetView }, WorkRefusal>> {
  const { datasetId, manifestCommitment } = pinned;
  const view = await authority.dataset(datasetId);
  if (!view) return refuse({ code: "DATASET_UNKNOWN", datasetId });
  const version = view.versions.find((each) => each.version === pinned.version);
  if (!version) return refuse({ code: "DATASET_VERSION_UNKNOWN", datasetId, version: pinned.version });
  const digest = digestOfUri(version.manifestUri);
  if (!digest) return refuse({ code: "MANIFEST_URI_UNREADABLE", datasetId });
  const bytes = await objects.read(digest, maxManifestBytes);
  if (!bytes) throw new MissingObject(version.manifestUri);
  const manifest = parseManifest(bytes);
  if (!manifest.ok) return refuse({ ...manifest.error, datasetId });
  const checked = checkManifestCommitment(manifest.value, manifestCommitment);
  return checked.ok ? ok({ manifest: checked.value, view }) : refuse({ ...checked.error, datasetId });
}

/** Reads the job document that a permit names by digest. @throws MissingObject */
export async function loadJobDocument(
  objects: Objects,
  paramsHash: Digest,
): Promise<Result<JobDocument, WorkRefusal>> {
  const bytes = await objects.read(paramsHash, maxParamsBytes);
  if (!bytes) throw new MissingObject(`cos-object:${paramsHash.slice(2)}`);
  const job = parseJobDocument(new TextDecoder().decode(bytes));
  return job.ok ? job : refuse(job.error);
}

/** `cos-object:<64 hex digits>` -> digest. */
export function digestOfUri(uri: string): Digest | undefined {
  const match = /^cos-object:([0-9a-f]{64})$/.exec(uri);
  return match ? asDigest(`0x${match[1]}`) : undefined;
}
