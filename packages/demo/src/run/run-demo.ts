import { join } from "node:path";
import { chooseEngine } from "@cos/programs";
import type { DemoOptions } from "../demo-options.ts";
import { startPlatformProcess } from "../platform/platform-process.ts";
import { newParty, type Party } from "./actor.ts";
import { type PlayOutcome, play } from "./play.ts";
import { watchMemory } from "./process-memory.ts";
import type { Screen } from "./screen.ts";
import { StageClock } from "./stage-clock.ts";
import { openOutFolder } from "./work-folder.ts";
import { writeProducts } from "./write-products.ts";

/**
 * The whole demonstration: starts a platform in a process of its own, lets hospital, researcher, operator and workers
 * act through the public interfaces, checks the opened counts against the plaintext path, and writes the report.
 *
 * @param signal ends the run; platform and chain are stopped in any case, whatever happens
 * @param onParty told of each party as it enters, so that a test knows the secrets to look for
 * @returns whether every opened count equals the plaintext path's
 * @throws StageFailure naming the step that failed
 */
export async function runDemo(
  options: DemoOptions,
  screen: Screen,
  signal: AbortSignal,
  onParty: (name: string, party: Party) => void = () => {},
): Promise<{ readonly equal: boolean; readonly countsCompared: number }> {
  const engines = (options.engine === "both" ? (["native", "wasm"] as const) : [options.engine]).map(
    chooseEngine,
  );
  const startedAt = performance.now();
  const memory = watchMemory();
  const out = await openOutFolder(options.out);
  const clock = new StageClock(screen);
  const parties: Party[] = [];
  let closePlatform = async (): Promise<void> => {};
  try {
    const platform = await clock.run("operator", "start chain, services, two workers", async (report) => {
      const started = await startPlatformProcess({
        dataDir: out.platform,
        workers: 2,
        engines: engines.map(({ name }) => name),
        telemetry: { folder: join(out.platform, "traces") },
      });
      closePlatform = started.stop;
      report.note(started.platform.services.gateway);
      return started;
    });
    const newActor = async (dir: string, name: string): Promise<Party> => {
      const party = await newParty(dir, name, platform.platform);
      parties.push(party);
      onParty(name, party);
      return party;
    };
    const outcome: PlayOutcome = await unlessAborted(signal, () =>
      play({ options, clock, out, platform, newActor }),
    );
    for (const party of parties.splice(0)) party.client.close();
    await clock.run("operator", "stop everything", () => closePlatform());
    const products = await writeProducts({
      options,
      clock,
      out,
      outcome,
      platform,
      memory,
      startedAt,
      engine: engines.map(({ description }) => description).join(" and "),
    });
    if (!options.keepWork) await out.clean();
    for (const line of products.summary) screen.say(line);
    return { equal: outcome.comparison.equal, countsCompared: outcome.comparison.countsCompared };
  } finally {
    for (const party of parties) party.client.close();
    await closePlatform();
  }
}

/** Waits for the work, or for the signal: what still runs then is cut off by closing what it talks to. */
async function unlessAborted<T>(signal: AbortSignal, begin: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  const work = begin();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  work.catch(() => {}); // after an abort nobody waits for it any more
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
