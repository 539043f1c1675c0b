/** Remembers how to end what was begun, and ends it in the opposite order. */
export class Unwinder {
  readonly #steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  /** Runs every step, also after one has failed; then throws the first failure. */
  async unwind(): Promise<void> {
    let failure: { cause: unknown } | undefined;
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step();
      } catch (cause) {
        failure ??= { cause };
      }
    }
    if (failure !== undefined) throw failure.cause;
  }
}
