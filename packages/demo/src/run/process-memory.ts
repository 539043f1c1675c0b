import { Worker } from "node:worker_threads";

/** Watches the memory of this process and everything that it started, from a thread of its own. */
export interface MemoryWatch {
  /** Largest sum of resident bytes over all processes at one moment; pages that they share count in each. */
  stop(): Promise<{ peakBytes: number; processes: number }>;
}

/** Where there is no /proc, only this process is measured: `processes` is then 1. */
export function watchMemory(): MemoryWatch {
  const worker = new Worker(new URL("./process-memory-thread.ts", import.meta.url), {
    workerData: { pid: process.pid },
  });
  worker.unref();
  return {
    stop: async () => {
      const answer = new Promise<{ peakBytes: number; processes: number }>((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
      });
      worker.ref();
      worker.postMessage("stop");
      const peak = await answer;
      await worker.terminate();
      if (peak.peakBytes > 0) return peak;
      return { peakBytes: process.resourceUsage().maxRSS * 1024, processes: 1 };
    },
  };
}
