import type { Scaling } from "./scenario.ts";

type Keda = Extract<Scaling, { kind: "keda" }>;

/** Pause between two decisions of the HPA controller. */
export const syncSeconds = 15;
/** No change while the metric is so close to its target. */
const tolerance = 0.1;

/**
 * Decides how many workers a region should have, as KEDA 2 with its Kafka scaler does: between 0 and 1 by itself, above by
 * an HPA on the average lag for each worker. Growth is the HPA's own: at most double, or 4 more, in 15 s.
 *
 * @source https://keda.sh/docs/2.16/scalers/apache-kafka/ (lag is capped at partitions times threshold),
 *   https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
 */
export class Scaler {
  readonly #keda: Keda;
  readonly #partitions: number;
  /** Recommendations of the stabilisation window, with their times. */
  #recent: { readonly at: number; readonly workers: number }[] = [];
  #idleSince = 0;

  constructor(keda: Keda, partitions: number) {
    this.#keda = keda;
    this.#partitions = partitions;
  }

  /** @param workers those asked for now, whether they have started or not */
  decide(at: number, lag: number, workers: number): number {
    const { activationLag, cooldownSeconds, maxWorkers, stabilisationSeconds } = this.#keda;
    if (lag > activationLag) this.#idleSince = at;
    if (workers === 0) return lag > activationLag ? 1 : 0;
    if (at - this.#idleSince >= cooldownSeconds) {
      this.#recent = [];
      return 0;
    }
    const most = Math.min(maxWorkers, this.#partitions);
    const wished = Math.min(most, Math.max(1, this.#wished(lag, workers)));
    this.#recent = this.#recent.filter((one) => one.at > at - stabilisationSeconds);
    this.#recent.push({ at, workers: wished });
    if (wished > workers) return Math.min(wished, Math.max(2 * workers, workers + 4));
    return Math.min(workers, Math.max(...this.#recent.map((one) => one.workers)));
  }

  #wished(lag: number, workers: number): number {
    const { lagThreshold } = this.#keda;
    const ratio = lag / (lagThreshold * workers);
    return Math.abs(ratio - 1) <= tolerance ? workers : Math.ceil(lag / lagThreshold);
  }
}
