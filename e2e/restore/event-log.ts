import { setTimeout as delay } from "node:timers/promises";
import { Admin } from "@platformatic/kafka";

/** Topics and groups of the platform, whatever else a broker carries. */
const ours = /^(chain|compute|gateway|settlement|orchestrator|fhe-worker|worker)[.-]/;

/** The broker's side of a disaster. */
export class EventLog {
  readonly #admin: Admin;

  constructor(brokers: string) {
    this.#admin = new Admin({ clientId: "cos-restore", bootstrapBrokers: brokers.split(",") });
  }

  /** Deletes the platform's topics with all that was published, and where its consumers stood. Nobody may be at work. */
  async wipe(): Promise<void> {
    await this.forgetConsumers();
    const topics = (await this.#admin.listTopics()).filter((name) => ours.test(name));
    if (topics.length > 0) await this.#admin.deleteTopics({ topics });
    while ((await this.#admin.listTopics()).some((name) => ours.test(name))) await delay(100);
  }

  /** Deletes where consumers stood: they begin again at the oldest message that is kept. Nobody may be at work. */
  async forgetConsumers(): Promise<void> {
    const until = performance.now() + 60_000;
    for (;;) {
      const groups = [...(await this.#admin.listGroups()).keys()].filter((id) => ours.test(id));
      if (groups.length === 0) return;
      try {
        await this.#admin.deleteGroups({ groups });
      } catch (cause) {
        // A member that was killed belongs to its group until its session has run out.
        if (performance.now() > until) throw cause;
        await delay(500);
      }
    }
  }

  async close(): Promise<void> {
    await this.#admin.close();
  }
}
