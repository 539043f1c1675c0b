import { planDigestOf } from "@cos/programs";
import { type Digest, err, jobDocumentBytes, ok, parseJobDocument, type Result } from "@cos/protocol";
import { computeFee, type Price } from "../domain/price.ts";
import { type LoadDeps, loadPlan, MissingObject, type WorkRefusal } from "./load-plan.ts";

export type QuoteJobDeps = LoadDeps & {
  readonly price: Price;
  readonly replicasFor: (asked: number) => number;
  /** Passes over one polynomial that a worker makes in a second: the unit of a plan's cost. */
  readonly passesPerSecond: number;
};

export type JobQuote = {
  readonly paramsHash: Digest;
  readonly planDigest: Digest;
  readonly tasks: number;
  readonly inputBytes: number;
  readonly resultBytes: number;
  readonly computeSeconds: number;
  readonly computeFee: bigint;
  readonly datasets: readonly { datasetId: string; version: number; manifestCommitment: Digest }[];
};

/**
 * Plans without running, and stores the parameters under the digest that a permit must carry. Repeating it changes nothing.
 * @param request.datasets version 0 means the newest
 */
export async function quoteJob(
  deps: QuoteJobDeps,
  request: {
    algorithmId: Digest;
    datasets: readonly { datasetId: string; version: number }[];
    paramsJson: string;
  },
): Promise<Result<JobQuote, WorkRefusal>> {
  const job = parseJobDocument(request.paramsJson);
  if (!job.ok) {
    const { code, ...facts } = job.error;
    return err({ code, facts });
  }
  const datasets: { datasetId: string; version: number; manifestCommitment: Digest }[] = [];
  for (const { datasetId, version } of request.datasets) {
    const view = await deps.authority.dataset(datasetId);
    if (!view) return err({ code: "DATASET_UNKNOWN", facts: { datasetId } });
    const chosen =
      version === 0 ? view.versions.at(-1) : view.versions.find((each) => each.version === version);
    if (!chosen) return err({ code: "DATASET_VERSION_UNKNOWN", facts: { datasetId, version } });
    datasets.push({ datasetId, version: chosen.version, manifestCommitment: chosen.manifestCommitment });
  }
  try {
    const loaded = await loadPlan(deps, { algorithmId: request.algorithmId, job: job.value, datasets });
    if (!loaded.ok) return loaded;
    const { plan } = loaded.value;
    const { digest: paramsHash } = await deps.objects.write(jobDocumentBytes(job.value));
    const { inputBytes, outputBytes, cost } = plan.estimate;
    const computeSeconds = cost / deps.passesPerSecond;
    const replicas = deps.replicasFor(0);
    return ok({
      paramsHash,
      planDigest: planDigestOf(plan),
      tasks: plan.tasks.length,
      inputBytes,
      resultBytes: outputBytes,
      computeSeconds,
      computeFee: computeFee(deps.price, { computeSeconds, inputBytes, replicas }),
      datasets,
    });
  } catch (error) {
    if (error instanceof MissingObject) return err({ code: error.code, facts: { uri: error.digest } });
    throw error;
  }
}
