import { readFile } from "node:fs/promises";
import { checkHealth } from "@cos/client";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { patience } from "../support/patience.ts";
import { everyRpc } from "./every-rpc.ts";
import { keptBytes } from "./heap.ts";
import { hostileMessage } from "./hostile-message.ts";
import { HostilePlatform } from "./hostile-platform.ts";
import { RawCaller } from "./raw-caller.ts";

/** Another seed tries other messages: `COS_HOSTILE_SEED=7`. */
const seed = Number(process.env.COS_HOSTILE_SEED ?? "20261121");
const rounds = 4;
const messagesEach = 12;

/** What a caller's mistake may be answered with. INTERNAL, UNKNOWN, UNIMPLEMENTED and silence are ours to mend. */
const typed = new Set([
  "OK",
  "INVALID_ARGUMENT",
  "NOT_FOUND",
  "UNAUTHENTICATED",
  "PERMISSION_DENIED",
  "FAILED_PRECONDITION",
  "RESOURCE_EXHAUSTED",
  "OUT_OF_RANGE",
  "ABORTED",
  "ALREADY_EXISTS",
  "UNAVAILABLE",
]);

let platform: HostilePlatform;
const caller = new RawCaller();
const strays: unknown[] = [];
const remember = (error: unknown) => void strays.push(error);

beforeAll(async () => {
  process.on("uncaughtException", remember);
  process.on("unhandledRejection", remember);
  platform = await HostilePlatform.start();
}, patience);
afterAll(async () => {
  caller.close();
  await platform.stop();
  process.off("uncaughtException", remember);
  process.off("unhandledRejection", remember);
}, patience);

it(
  "answers every rpc's bad input with a typed refusal, and keeps nothing of it",
  async () => {
    const rpcs = everyRpc();
    const faults: string[] = [];
    const admitted = new Set<string>();
    const kept: number[] = [];
    let calls = 0;
    for (let round = 0; round < rounds; round++) {
      for (const { path, service, input } of rpcs) {
        // Signed in anew: a hostile operator may have ended every session meanwhile.
        const callers = Object.entries(await platform.callers());
        const messages = fc.sample(hostileMessage(input), { seed: seed + round, numRuns: messagesEach });
        for (const address of platform.addressesOf(service)) {
          for (const [who, metadata] of callers) {
            for (const body of messages) {
              calls++;
              const { status, code } = await caller.call(address, path, body, metadata);
              const hasCode =
                code !== undefined || (status === "RESOURCE_EXHAUSTED" && body.length > 1_000_000);
              if (!typed.has(status) || !hasCode) {
                faults.push(
                  `${path} by ${who}: ${status} ${code} for ${body.subarray(0, 64).toString("hex")} (${body.length} bytes)`,
                );
              }
              if (status !== "UNAUTHENTICATED") admitted.add(path);
            }
          }
        }
      }
      kept.push(await keptBytes());
    }
    console.log(
      `hostile rpcs: ${rpcs.length} rpcs, ${calls} calls, kept MiB by round: ${kept.map((each) => (each / 2 ** 20).toFixed(0)).join(" ")}`,
    );
    expect([...new Set(faults)]).toEqual([]);
    // Every rpc was reached beyond the question of who calls, in the protos' own list.
    expect(rpcs.map(({ path }) => path).filter((path) => !admitted.has(path))).toEqual([]);
    expect(rpcs.length).toBeGreaterThan(40);
    // The first round warms up; the others send as much again and must not add to what is kept.
    expect((kept.at(-1) ?? 0) / (kept[1] ?? 1)).toBeLessThan(1.15);
    expect(((kept.at(-1) ?? 0) - (kept[1] ?? 0)) / (calls / 2)).toBeLessThan(4_096);
    expect(strays).toEqual([]);
  },
  4 * patience,
);

it(
  "refuses a message over the size cap before it is read",
  async () => {
    const { person } = await platform.callers();
    for (const { path, service } of everyRpc()) {
      const [address = ""] = platform.addressesOf(service);
      const outcome = await caller.call(address, path, Buffer.alloc(5 * 2 ** 20), person);
      expect(outcome.status, path).toBe("RESOURCE_EXHAUSTED");
    }
  },
  patience,
);

it(
  "still serves, and has written nothing into its log that a caller made up",
  async () => {
    const { workers, ...services } = platform.running.platform.services;
    for (const [name, address] of Object.entries(services)) {
      await expect.poll(() => checkHealth(address), { timeout: 30_000, message: name }).toBe("SERVING");
    }
    // Whoever holds the service token may tell a worker to drain, and has; it still answers.
    for (const address of workers) expect(await checkHealth(address)).not.toBe("UNREACHABLE");
    const lines = (await readFile(platform.running.logFile, "utf8")).trimEnd().split("\n");
    const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
    expect(events).not.toContain("forged.line");
    expect(events.filter((event) => event === "rpc.bug")).toEqual([]);
  },
  patience,
);
