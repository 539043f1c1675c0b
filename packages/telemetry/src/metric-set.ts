import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { LabelGuard } from "./label-guard.ts";
import {
  type CounterKey,
  type GaugeKey,
  type HistogramKey,
  type LabelsOf,
  type MetricKey,
  metrics,
} from "./metrics.ts";

/** Says one figure of a scrape. */
export type SetFigure = <K extends GaugeKey>(key: K, labels: LabelsOf<K>, value: number) => void;

/** Reads figures when somebody scrapes. A gauge that it said before and does not say now is absent. */
export type Collector = (set: SetFigure) => Promise<void> | void;

/** A scrape waits so long for a collector; then the collector's figures are absent from it. */
const collectorTimeoutMs = 2_000;

type Labels = Readonly<Record<string, string>>;

/** The metrics of one service, all of them declared in `metrics.ts`. A series exists from its first value. */
export class MetricSet {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  readonly #registry = new Registry();
  readonly #guard = new LabelGuard();
  readonly #made = new Map<MetricKey, Counter | Gauge | Histogram>();
  readonly #collectors = new Map<string, Collector>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #said = new Map<string, Set<GaugeKey>>();

  constructor(service: string) {
    this.#registry.setDefaultLabels({ cos_service: service });
  }

  /** Adds to a counter; 0 makes its series known before anything happened. */
  count<K extends CounterKey>(key: K, labels: LabelsOf<K>, by = 1): void {
    if (by >= 0) (this.#metric(key) as Counter).inc(this.#bounded(key, labels), by);
  }

  set<K extends GaugeKey>(key: K, labels: LabelsOf<K>, value: number): void {
    if (Number.isFinite(value)) (this.#metric(key) as Gauge).set(this.#bounded(key, labels), value);
  }

  observe<K extends HistogramKey>(key: K, labels: LabelsOf<K>, value: number): void {
    if (Number.isFinite(value)) (this.#metric(key) as Histogram).observe(this.#bounded(key, labels), value);
  }

  /** Has figures read at each scrape, one reading at a time. The same name again replaces the collector. */
  collect(name: string, collector: Collector): void {
    this.#collectors.set(name, collector);
  }

  /** Prometheus' text of all series. Never fails: what cannot be read is absent, and counted as a failure. */
  async text(): Promise<string> {
    await Promise.all([...this.#collectors].map(([name, collector]) => this.#read(name, collector)));
    return this.#registry.metrics();
  }

  async #read(name: string, collector: Collector): Promise<void> {
    const reading = this.#running.get(name) ?? this.#begin(name, collector);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<"late">((resolve) => {
      timer = setTimeout(() => resolve("late"), collectorTimeoutMs);
    });
    if ((await Promise.race([reading, late])) === "late") this.#failed(name);
    clearTimeout(timer);
  }

  #begin(name: string, collector: Collector): Promise<void> {
    const figures: { key: GaugeKey; labels: Labels; value: number }[] = [];
    const reading = (async () => {
      try {
        await collector((key, labels, value) => void figures.push({ key, labels, value }));
        this.#forget(name);
        for (const { key, labels, value } of figures) this.set(key, labels as LabelsOf<typeof key>, value);
        this.#said.set(name, new Set(figures.map(({ key }) => key)));
      } catch {
        this.#failed(name);
      } finally {
        this.#running.delete(name);
      }
    })();
    this.#running.set(name, reading);
    return reading;
  }

  #failed(name: string): void {
    this.#forget(name);
    this.count("collectorFailures", { collector: name });
  }

  #forget(name: string): void {
    for (const key of this.#said.get(name) ?? []) {
      this.#registry.removeSingleMetric(metrics[key].name);
      this.#made.delete(key);
    }
    this.#said.delete(name);
  }

  #metric(key: MetricKey): Counter | Gauge | Histogram {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const definition = metrics[key];
    const { name, help, labels } = definition;
    const options = { name, help, labelNames: [...labels], registers: [this.#registry] };
    const made =
      definition.type === "counter"
        ? new Counter(options)
        : definition.type === "gauge"
          ? new Gauge(options)
          : new Histogram({ ...options, buckets: [...definition.buckets] });
    this.#made.set(key, made);
    return made;
  }

  #bounded(key: MetricKey, labels: Labels): Record<string, string> {
    const { name } = metrics[key];
    return Object.fromEntries(
      Object.entries(labels).map(([label, value]) => [label, this.#guard.value(name, label, value)]),
    );
  }
}
