import type { Accumulator, ContainerError, Engine, Evaluator } from "@cos/fhe";
import { findProfile } from "@cos/fhe/evaluation";
import type { Result } from "@cos/protocol";
import { ok } from "@cos/protocol/result";
import type { TaskSpec } from "../plan/plan.ts";

/** The sum of ciphertexts of one entry, which are added one at a time; `free` it. */
export class EntrySum {
  readonly #evaluator: Evaluator;
  readonly #sum: Accumulator;

  private constructor(evaluator: Evaluator, degree: 1 | 2) {
    this.#evaluator = evaluator;
    this.#sum = evaluator.accumulator(degree);
  }

  /** @errors `PROFILE_UNKNOWN` */
  static open(
    engine: Engine,
    spec: TaskSpec,
    { context, degree }: { context: number; degree: 1 | 2 },
  ): Result<EntrySum, { code: "PROFILE_UNKNOWN"; name: string }> {
    const profile = findProfile(spec.contexts[context]?.profile ?? "");
    return profile.ok ? ok(new EntrySum(engine.evaluator(profile.value), degree)) : profile;
  }

  /** @errors `CONTAINER_MALFORMED` */
  add(packed: Uint8Array): Result<null, ContainerError> {
    const term = this.#evaluator.load(packed, this.#sum.degree);
    if (!term.ok) return term;
    this.#sum.add(term.value);
    term.value.free();
    return ok(null);
  }

  /** The sum so far, packed. */
  store(): Uint8Array {
    return this.#sum.store();
  }

  free(): void {
    this.#sum.free();
  }
}
