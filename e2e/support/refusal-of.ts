import { CosFailure } from "@cos/client";

/** The refusal that a piece of work ends in. Anything else, success included, fails the test with what it was. */
export async function refusalOf(work: Promise<unknown>): Promise<CosFailure> {
  try {
    await work;
  } catch (cause) {
    if (cause instanceof CosFailure) return cause;
    throw cause;
  }
  throw new Error("it was not refused");
}
