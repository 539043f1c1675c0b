import type { FailureKind } from "@cos/client";

/** What scripts can rely on. */
export const exitCodes = {
  /** Done. */
  ok: 0,
  /** A bug or a fault that nobody foresaw; the message says where more is written. */
  unexpected: 1,
  /** The command line, a file that it names, or an argument is wrong. */
  usage: 2,
  /** A clause of a grant, an output policy or a safety check refused. */
  refused: 3,
  /** Nothing of that name or number. */
  "not-found": 4,
  /** The platform or the chain does not answer, or not in time; trying again may help. */
  unavailable: 5,
  /** Bytes are not what was committed to. Nothing was opened. */
  integrity: 6,
  /** Interrupted by the user. */
  interrupted: 130,
} as const satisfies Record<FailureKind | "ok" | "unexpected" | "interrupted", number>;
