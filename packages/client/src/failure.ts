/**
 * The kinds of expected failures on the owner's and the researcher's side. Each is one exit code of `cos`.
 *
 * - `usage`: the request itself is wrong (arguments, files, names)
 * - `refused`: a clause, a policy or a safety check said no
 * - `not-found`: nothing of that name or number
 * - `unavailable`: a service or the chain does not answer; trying again later may help
 * - `integrity`: bytes are not what was committed to; nothing was opened
 */
export type FailureKind = "usage" | "refused" | "not-found" | "unavailable" | "integrity";

export type FailureFacts = Readonly<Record<string, string | number | boolean>>;

/**
 * An expected failure, in words for a person and with a code for a program. The client's use cases are long chains of
 * steps of which any may refuse, so here (and only here) refusals travel as exceptions; everything below returns
 * `Result`. Never carries a secret, a genotype, a sample id or a phenotype.
 */
export class CosFailure extends Error {
  readonly kind: FailureKind;
  readonly code: string;
  readonly facts: FailureFacts;
  /** Clause of a grant (1 to 10) that refused; undefined where none did. */
  readonly clause: number | undefined;
  /** What the person can do next. */
  readonly hint: string | undefined;

  constructor(
    kind: FailureKind,
    code: string,
    message: string,
    more: { facts?: FailureFacts; clause?: number; hint?: string } = {},
  ) {
    super(message);
    this.name = "CosFailure";
    this.kind = kind;
    this.code = code;
    this.facts = more.facts ?? {};
    this.clause = more.clause;
    this.hint = more.hint;
  }
}

/** The facts of a coded error as plain values. */
export function factsOf(error: object): FailureFacts {
  const facts: Record<string, string | number | boolean> = {};
  for (const [name, value] of Object.entries(error) as [string, unknown][]) {
    if (name === "code") continue;
    if (typeof value === "number" || typeof value === "boolean") facts[name] = value;
    else if (typeof value === "bigint") facts[name] = value.toString();
    else if (typeof value === "string") facts[name] = value;
  }
  return facts;
}
