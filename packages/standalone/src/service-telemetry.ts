import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Unwinder } from "@cos/parts";
import { openSpanSink, type SpanSinkOptions, Telemetry } from "@cos/telemetry";

/** The telemetry of the services that one process hosts: each has its own, and they share the exporters. */
export class ServiceTelemetry {
  /** Where each service's `/metrics` answers. */
  readonly urls = new Map<string, string>();
  readonly #sink: ReturnType<typeof openSpanSink>;
  readonly #ends: Unwinder;

  constructor(options: SpanSinkOptions, ends: Unwinder) {
    this.#sink = openSpanSink({ name: "platform", ...options });
    this.#ends = ends;
    ends.add(() => this.#sink.close());
  }

  of(service: string): Telemetry {
    const telemetry = new Telemetry({ service, sink: this.#sink });
    this.#ends.add(() => telemetry.close());
    return telemetry;
  }

  /** Writes `metrics.json`: the roots of `/metrics` by service, for people and scrapers on this machine. */
  async writeUrls(dataDir: string): Promise<void> {
    await writeFile(
      join(dataDir, "metrics.json"),
      `${JSON.stringify(Object.fromEntries(this.urls), null, 2)}\n`,
    );
  }
}
