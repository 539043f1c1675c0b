import type { Screen } from "./screen.ts";

/** One step of the flow, measured. */
export interface Stage {
  readonly actor: Actor;
  readonly name: string;
  readonly seconds: number;
  /** What the stage wrote or moved; null where that means nothing. */
  readonly bytes: number | null;
}

export type Actor = "hospital" | "researcher" | "operator" | "workers" | "check";

/** A stage that failed: which one, and why. */
export class StageFailure extends Error {
  readonly stage: string;
  constructor(stage: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.stage = stage;
  }
}

export type StageReport = {
  /** Shown behind the stage's name when it is done. */
  note(text: string): void;
  bytes(count: number): void;
  progress(done: number, total: number): void;
};

/** Runs the steps one after the other, shows them, and keeps what each cost. */
export class StageClock {
  readonly stages: Stage[] = [];
  readonly #screen: Screen;
  readonly #now: () => number;

  constructor(screen: Screen, now: () => number = () => performance.now()) {
    this.#screen = screen;
    this.#now = now;
  }

  /** @throws StageFailure with the cause inside */
  async run<T>(actor: Actor, name: string, work: (report: StageReport) => Promise<T>): Promise<T> {
    const line = this.#screen.begin(actor, name);
    const start = this.#now();
    let bytes: number | null = null;
    let note = "";
    try {
      const value = await work({
        note: (text) => {
          note = text;
        },
        bytes: (count) => {
          bytes = count;
        },
        progress: (done, total) => line.progress(done, total),
      });
      const seconds = (this.#now() - start) / 1000;
      this.stages.push({ actor, name, seconds, bytes });
      line.done(seconds, note);
      return value;
    } catch (cause) {
      line.failed();
      throw cause instanceof StageFailure ? cause : new StageFailure(name, cause);
    }
  }
}
