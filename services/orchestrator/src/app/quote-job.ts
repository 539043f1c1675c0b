import { type Alternative, explainPlan, planDigestOf, secondsOn, type WorkerRates } from "@cos/programs";
import { type Digest, err, jobDocumentBytes, ok, parseJobDocument, type Result } from "@cos/protocol";
import { computeFee, type Price } from "../domain/price.ts";
import { type LoadDeps, loadWork, MissingObject, refuse, type WorkRefusal } from "./load-plan.ts";

export type QuoteJobDeps = LoadDeps & {
  readonly price: Price;
  readonly replicasFor: (asked: number) => number;
  /** Rates of a worker thread, by engine; measured by the operator. Fees follow the engine that most workers run. */
  readonly rates: Readonly<Record<"wasm" | "native", WorkerRates>>;
  readonly pricedEngine: "wasm" | "native";
};

/** One way to read a dataset, with what it would take on each engine and cost. */
export type QuotedAlternative = Alternative & {
  readonly seconds: readonly { engine: string; seconds: number }[];
  readonly computeFee: bigint | null;
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
  readonly alternatives: readonly QuotedAlternative[];
  readonly costModel: string;
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
    const loaded = await loadWork(deps, { algorithmId: request.algorithmId, job: job.value, datasets });
    if (!loaded.ok) return loaded;
    const explained = explainPlan(loaded.value.request);
    if (!explained.ok) return refuse(explained.error);
    const { plan, alternatives } = explained.value;
    const { digest: paramsHash } = await deps.objects.write(jobDocumentBytes(job.value));
    const { inputBytes, outputBytes, cost } = plan.estimate;
    const computeSeconds = secondsOn(deps.rates[deps.pricedEngine], { passes: cost, inputBytes });
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
      alternatives: alternatives.map((each) => withPrice(deps, each, replicas)),
      costModel: plan.costModel,
    });
  } catch (error) {
    if (error instanceof MissingObject) return err({ code: error.code, facts: { uri: error.digest } });
    throw error;
  }
}

function withPrice(
  { rates, pricedEngine, price }: QuoteJobDeps,
  alternative: Alternative,
  replicas: number,
): QuotedAlternative {
  const { cost } = alternative;
  if (cost === null) return { ...alternative, seconds: [], computeFee: null };
  const seconds = Object.entries(rates).map(([engine, each]) => ({ engine, seconds: secondsOn(each, cost) }));
  const computeSeconds = secondsOn(rates[pricedEngine], cost);
  const { inputBytes } = cost;
  return {
    ...alternative,
    seconds,
    computeFee: computeFee(price, { computeSeconds, inputBytes, replicas }),
  };
}
