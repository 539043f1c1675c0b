import { readdirSync, readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";

const pageBytes = 4096;
const everyMs = 200;
const { pid: root } = workerData as { pid: number };
const peak = { peakBytes: 0, processes: 0 };
/** A detached child whose parent died belongs to pid 1; it was ours all the same. */
const ours = new Set<number>([root]);

function sample(): void {
  const parents = new Map<number, number>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (Number.isInteger(pid)) parents.set(pid, parentOf(pid));
  }
  for (let grew = true; grew; ) {
    grew = false;
    for (const [pid, parent] of parents) {
      if (ours.has(pid) || !ours.has(parent)) continue;
      ours.add(pid);
      grew = true;
    }
  }
  const sizes = [...ours].filter((pid) => parents.has(pid)).map(residentBytes);
  const sum = sizes.reduce((total, size) => total + size, 0);
  if (sum > peak.peakBytes) Object.assign(peak, { peakBytes: sum, processes: sizes.length });
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return 0;
  }
}

function residentBytes(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * pageBytes;
  } catch {
    return 0;
  }
}

const trySample = (): void => {
  try {
    sample();
  } catch {
    // no /proc on this system: the caller measures itself
  }
};
trySample();
setInterval(trySample, everyMs);
parentPort?.on("message", () => {
  trySample();
  parentPort?.postMessage(peak);
});
