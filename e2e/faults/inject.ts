import { setTimeout as delay } from "node:timers/promises";
import { type FaultyRpc, type RpcRule, rules } from "@cos/testkit";
import { JsonRpcProvider } from "ethers";
import type { CallFault } from "./grpc-proxy.ts";
import { between, pick } from "./random.ts";
import type { Fault, TimedFault } from "./schedule.ts";
import type { Stage } from "./stage.ts";

/** How often each kind of fault was dealt out, by its name and what it hit. */
export type FaultTally = Map<string, number>;

const callFaults: readonly CallFault[] = ["request-lost", "answer-lost", "twice", "late"];

/**
 * Deals out faults until `stop` aborts; then every wound is healed and every process runs again. Faults overlap: one
 * that lasts does not hold up the next.
 */
export async function injectFaults(
  stage: Stage,
  schedule: Iterable<TimedFault>,
  options: { random: () => number; stop: AbortSignal; say: (line: string) => void },
): Promise<FaultTally> {
  const { random, stop, say } = options;
  const tally: FaultTally = new Map();
  const count = (name: string, by = 1) => tally.set(name, (tally.get(name) ?? 0) + by);
  const healing = new Set<Promise<void>>();
  const busy = new Set<string>();
  const minding = mindProcesses(stage, (process) => busy.has(process), stop, count);
  for (const fault of schedule) {
    await delay(fault.afterMs, undefined, { signal: stop }).catch(() => {});
    if (stop.aborted) break;
    const target = "process" in fault ? fault.process : "part" in fault ? fault.part : fault.kind;
    if (busy.has(target)) continue; // it is still down from the last time
    busy.add(target);
    say(describe(fault));
    const wound = inflict(stage, fault, { random, count })
      .catch((cause: unknown) => say(`  ${describe(fault)} itself failed: ${String(cause).split("\n")[0]}`))
      .finally(() => {
        busy.delete(target);
        healing.delete(wound);
      });
    healing.add(wound);
  }
  await Promise.all(healing);
  await minding;
  for (const process of stage.fleet.processes.values()) {
    process.resume();
    await process.start();
  }
  return tally;
}

/** What an orchestrator of containers does: a process that ended by itself, since it found no database for instance, is started again. */
async function mindProcesses(
  { fleet }: Stage,
  isDown: (process: string) => boolean,
  stop: AbortSignal,
  count: (name: string) => void,
): Promise<void> {
  while (!stop.aborted) {
    await delay(1_000, undefined, { signal: stop }).catch(() => {});
    for (const [name, process] of fleet.processes) {
      if (stop.aborted || isDown(name) || process.isRunning()) continue;
      count(`${kindOf(name)} ended by itself and was started again`);
      process.spawn();
    }
  }
}

const describe = (fault: Fault): string =>
  Object.entries(fault)
    .filter(([key]) => key !== "afterMs")
    .map(([key, value]) =>
      key === "kind" ? value : `${key} ${typeof value === "number" ? Math.round(value) : value}`,
    )
    .join(", ");

/** One fault from its beginning to its end. */
async function inflict(
  stage: Stage,
  fault: Fault,
  { random, count }: { random: () => number; count: (name: string, by?: number) => void },
): Promise<void> {
  const { fleet, parts, calls, rpc } = stage;
  switch (fault.kind) {
    case "kill": {
      const process = fleet.processes.get(fault.process);
      await process?.kill();
      count(`SIGKILL of ${kindOf(fault.process)}`);
      await delay(fault.downMs);
      process?.spawn();
      return;
    }
    case "restart": {
      const process = fleet.processes.get(fault.process);
      const orderly = await process?.stop();
      count(
        orderly
          ? `SIGTERM of ${kindOf(fault.process)}`
          : `SIGTERM of ${kindOf(fault.process)}, ended by force`,
      );
      process?.spawn();
      return;
    }
    case "pause": {
      const process = fleet.processes.get(fault.process);
      process?.pause();
      count(`pause of ${kindOf(fault.process)}`);
      await delay(fault.forMs);
      process?.resume();
      return;
    }
    case "outage": {
      await parts[fault.part].kill();
      count(`SIGKILL of the ${fault.part}`);
      await delay(fault.downMs);
      await parts[fault.part].start();
      return;
    }
    case "cut": {
      const cut = parts[fault.part].way?.cut();
      if (cut !== undefined) count(`connections to the ${fault.part} reset`, cut);
      return;
    }
    case "slow": {
      const { way } = parts[fault.part];
      if (way === undefined) return;
      way.delay(fault.ms);
      count(`slow ${fault.part}`);
      await delay(fault.forMs);
      way.delay(0);
      return;
    }
    case "lossy-calls": {
      calls.lateMs = () => between(random, 50, 2_000);
      calls.fate = () => {
        if (random() > 0.25) return "none";
        const fate = pick(random, callFaults);
        count(`gRPC call: ${fate}`);
        return fate;
      };
      await delay(fault.forMs);
      calls.fate = () => "none";
      return;
    }
    case "lossy-chain": {
      await lossyChain(rpc, fault.forMs, random, count);
      return;
    }
    case "reorg": {
      await reorganise(stage, fault.depth);
      count(`reorganisation of ${fault.depth} blocks`);
      return;
    }
  }
}

/** Each call to the chain's node takes one of the ways in which nodes fail, a quarter of them. */
async function lossyChain(
  rpc: FaultyRpc,
  forMs: number,
  random: () => number,
  count: (name: string) => void,
): Promise<void> {
  const ways: readonly (readonly [string, RpcRule])[] = [
    ["request lost", rules.drop()],
    ["answer lost", rules.loseAnswer()],
    ["twice", rules.twice()],
    ["late", rules.late(800)],
    ["refused", rules.fail("the node is busy")],
  ];
  rpc.rule("*", (call, forward) => {
    if (random() > 0.25) return forward();
    const [name, way] = pick(random, ways);
    count(`JSON-RPC call: ${name}`);
    return way(call, forward);
  });
  await delay(forMs);
  rpc.clear();
}

const kindOf = (process: string): string => (process.startsWith("worker") ? "a worker" : process);

/** A transaction leaves anvil's pool before its block is there, so that an empty pool must stay empty and the head still. */
async function untilMined(provider: JsonRpcProvider): Promise<void> {
  const seen = async () => {
    const { pending } = await provider.send("txpool_status", []);
    return { isEmpty: Number(pending) === 0, head: await provider.send("eth_blockNumber", []) };
  };
  for (let before = await seen(); ; ) {
    await delay(300);
    const now = await seen();
    if (before.isEmpty && now.isEmpty && now.head === before.head) return;
    before = now;
  }
}

/** Replaces the last blocks by empty ones. Their transactions are gone: whoever sent them has to notice. */
async function reorganise({ direct, gate, fleet }: Stage, depth: number): Promise<void> {
  const provider = new JsonRpcProvider(direct.rpcUrl, fleet.chain.chainId, { staticNetwork: true });
  try {
    await gate.alone(async () => {
      await untilMined(provider);
      await provider.send("anvil_reorg", [depth, []]);
      const head = Number(await provider.send("eth_blockNumber", []));
      for (let number = head; number >= head - depth - 2; number--) {
        const block = await provider.send("eth_getBlockByNumber", [`0x${number.toString(16)}`, false]);
        if (block === null) throw new Error(`anvil lost block ${number}: this run cannot go on`);
      }
    });
  } finally {
    provider.destroy();
  }
}
