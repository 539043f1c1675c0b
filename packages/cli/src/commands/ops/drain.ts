import { setTimeout as delay } from "node:timers/promises";
import { CosFailure, toHex } from "@cos/client";
import { type GetStatusResponse, WorkerServiceService } from "@cos/proto/worker";
import type { Context } from "../../context.ts";
import type { CommandResult } from "../../output.ts";
import { wholeNumber } from "../parse.ts";
import { Operator, type OperatorOptions } from "./operator.ts";

const endpoint = /^(\[[0-9a-fA-F:]+\]|[^\s/:[\]]+):\d{1,5}$/;
const pollMs = 250;

/**
 * `cos ops drain WORKER`: it takes no further task, hands back what it has not begun to compute, and finishes the rest.
 * Draining twice is draining once; a drained worker stays idle until its process ends.
 */
export async function drainWorker(
  context: Context,
  wanted: string,
  options: OperatorOptions & { dryRun?: boolean; wait?: string },
): Promise<CommandResult> {
  const operator = await Operator.of(context, options);
  const waitSeconds = options.wait === undefined ? 0 : wholeNumber(options.wait, "--wait", 1, 86_400);
  const dryRun = options.dryRun === true;
  const address = await addressOf(operator, wanted);
  const look = () => operator.callAt(address, WorkerServiceService, (worker) => worker.getStatus({}));
  let status = await look();
  if (dryRun) {
    const will = status.draining
      ? "dry run: it drains already"
      : `dry run: it would take no further task and finish the ${status.running} that run`;
    return { data: { ...toData(address, status), dryRun }, text: [...described(address, status), will] };
  }
  await operator.callAt(address, WorkerServiceService, (worker) => worker.drain({}));
  status = await look();
  const until = performance.now() + waitSeconds * 1_000;
  while (status.running > 0 && performance.now() < until) {
    await delay(pollMs);
    status = await look();
  }
  if (waitSeconds > 0 && status.running > 0) {
    throw new CosFailure(
      "unavailable",
      "STILL_RUNNING",
      `${status.running} tasks run after ${waitSeconds} s`,
      {
        hint: "they are handed back when the worker's own limit, COS_WORKER_DRAIN_SECONDS, is over; ask again",
      },
    );
  }
  return { data: { ...toData(address, status), dryRun }, text: described(address, status) };
}

/** A worker by `host:port`, by its number in the platform file, or by the address that it signs with. */
async function addressOf(operator: Operator, wanted: string): Promise<string> {
  const known = operator.workers;
  const number = /^(?:worker-)?([1-9]\d{0,5})$/.exec(wanted)?.[1];
  const byNumber = number === undefined ? undefined : known[Number(number) - 1];
  if (byNumber !== undefined) return byNumber;
  if (endpoint.test(wanted)) return wanted;
  if (/^0x[0-9a-fA-F]{40}$/.test(wanted)) {
    for (const address of known) {
      const { worker } = await operator.callAt(address, WorkerServiceService, (one) => one.getStatus({}));
      if (toHex(worker) === wanted.toLowerCase()) return address;
    }
  }
  const list = known.map((address, at) => `worker-${at + 1} (${address})`).join(", ");
  throw new CosFailure("not-found", "NO_SUCH_WORKER", `the platform file names no worker '${wanted}'`, {
    hint: `name one by host:port${list === "" ? "" : `, or one of ${list}`}`,
  });
}

const toData = (address: string, { worker, region, engine, running, done, draining }: GetStatusResponse) => ({
  address,
  worker: toHex(worker),
  region,
  engine,
  running,
  done: Number(done),
  draining,
});

const described = (address: string, status: GetStatusResponse): string[] =>
  Object.entries(toData(address, status)).map(([name, value]) => `${name.padEnd(9)} ${value}`);
