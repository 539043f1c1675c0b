import { totalmem } from "node:os";
import { monitorEventLoopDelay } from "node:perf_hooks";
import type { MetricSet } from "./metric-set.ts";

const quantiles = [
  ["0.5", 50],
  ["0.99", 99],
  ["1", 100],
] as const;

/**
 * Figures of the process: processor, memory, event loop, and what runs. Services that share a process say the same.
 * The event loop is watched from the first scrape on, so that a process that nobody scrapes pays nothing.
 */
export function watchProcess(metrics: MetricSet, version: string): void {
  let loop: ReturnType<typeof monitorEventLoopDelay> | undefined;
  let cpuSeen = 0;
  metrics.collect("process", (set) => {
    const { user, system } = process.cpuUsage();
    const cpuSeconds = (user + system) / 1e6;
    metrics.count("processCpu", {}, cpuSeconds - cpuSeen);
    cpuSeen = cpuSeconds;
    const { rss, heapUsed } = process.memoryUsage();
    set("processMemory", {}, rss);
    set("processHeap", {}, heapUsed);
    const limit = process.constrainedMemory();
    set("processMemoryLimit", {}, limit > 0 && limit < totalmem() ? limit : totalmem());
    set("processStart", {}, Math.round(Date.now() / 1000 - process.uptime()));
    set("buildInfo", { version, node: process.version }, 1);
    if (loop === undefined) {
      loop = monitorEventLoopDelay({ resolution: 20 });
      loop.enable();
      return;
    }
    if (loop.count > 0) {
      for (const [quantile, percent] of quantiles)
        set("eventLoopLag", { quantile }, loop.percentile(percent) / 1e9);
    }
    loop.reset();
  });
}
