import { on } from "node:events";
import { Worker } from "node:worker_threads";
import type { FromThread, ToThread } from "../src/thread-pool.ts";

/** Tells the main thread of every module that the thread loads. */
const recorder = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from "node:module";
  import { parentPort } from "node:worker_threads";
  registerHooks({ load(url, context, next) { parentPort.postMessage({ url }); return next(url, context); } });
`)}`;

/** Names of the installed packages of which a `ThreadPool` thread loads anything until its first job is done. */
export async function packagesLoadedBy(script: URL, workerData: unknown, job: unknown): Promise<string[]> {
  const packages = new Set<string>();
  const worker = new Worker(script, { workerData, execArgv: ["--import", recorder] });
  worker.postMessage({ kind: "job", id: 0, job } satisfies ToThread);
  for await (const [message] of on(worker, "message", { close: ["exit"] })) {
    const told = message as { url: string } | FromThread;
    if ("url" in told) {
      const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(told.url)?.[1];
      if (name !== undefined) packages.add(name);
    } else {
      if (told.kind !== "result") throw new Error(`the thread's job ended in ${JSON.stringify(told)}`);
      break;
    }
  }
  await worker.terminate();
  return [...packages].sort();
}
