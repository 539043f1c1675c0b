import { setTimeout as delay } from "node:timers/promises";
import type { Wire } from "../wire/wire.ts";
import { askHealth, openHealthClient } from "./check-health.ts";

/** Under which name a process tells of it: what operators run beside the services, and the services themselves. */
export type NeedName =
  | `part/${"database" | "broker" | "objects" | "cache" | "chain" | "second-chain"}`
  | `service/${string}`;

/** Something that a process cannot do all of its work without. */
export type Need = {
  readonly name: NeedName;
  /** Throws, or does not answer in time, when it cannot be used. */
  probe(): Promise<unknown>;
  close?(): void;
};

/** While it answers. What does not is looked at five times as often, so that its return is told soon. */
const everyMs = 5_000;
const patienceMs = 3_000;

/** Another service, which must say that it takes work. */
export function serviceNeed(name: string, address: string, wire?: Wire): Need {
  const client = openHealthClient(address, wire);
  return {
    name: `service/${name}`,
    probe: async () => {
      const health = await askHealth(client, patienceMs);
      if (health !== "SERVING") throw new Error(health);
    },
    close: () => client.close(),
  };
}

/**
 * Looks at each need again and again. One that does not answer is not asked a second time before the first question has
 * ended.
 * @param onLook told after each look
 * @returns ends it
 */
export function watchNeeds(
  needs: readonly Need[],
  onLook: (name: NeedName, isThere: boolean) => void,
  { intervalMs = everyMs, timeoutMs = patienceMs } = {},
): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  const pause = (ms: number) => delay(ms, undefined, { signal, ref: false }).catch(() => {});
  const watch = async ({ name, probe }: Need) => {
    while (!signal.aborted) {
      const question = isAnswered(probe);
      const inTime = await Promise.race([question, pause(timeoutMs).then(() => false)]);
      if (!signal.aborted) onLook(name, inTime);
      await Promise.all([question, pause(inTime ? intervalMs : intervalMs / 5)]);
    }
  };
  for (const need of needs) void watch(need);
  return () => {
    ending.abort();
    for (const need of needs) need.close?.();
  };
}

async function isAnswered(probe: Need["probe"]): Promise<boolean> {
  try {
    await probe();
    return true;
  } catch {
    return false;
  }
}
