import type { ContainerError } from "@cos/fhe";
import type { Digest, ObjectRef } from "@cos/protocol";

export type EvaluateError =
  | (ContainerError & { object?: Digest })
  /** The bytes are not those that the digest names. */
  | { code: "OBJECT_DIGEST_MISMATCH"; expected: Digest; actual: Digest }
  /** Blocks that should hold the same people do not. */
  | { code: "ROWS_MISALIGNED"; rowBlock: number }
  | { code: "PROFILE_UNKNOWN"; name: string }
  /** A partial result that is not the one that the plan asks for. */
  | { code: "PARTIAL_UNEXPECTED"; taskId: Digest }
  | { code: "CANCELLED" };

/** Fetches an object's bytes by reference; the caller checks nothing, the evaluator checks the digest. */
export type ReadObject = (ref: ObjectRef) => Promise<Uint8Array>;

/** Bytes `first .. first + length - 1` of an object. */
export type ByteSpan = { first: number; length: number };

/** Fetches a part of an object; the caller checks nothing, the evaluator checks digests. */
export type ReadSpan = (ref: ObjectRef, span: ByteSpan) => Promise<Uint8Array>;

/** An output could not be made: what its bytes end with where they are asked for later than the result. */
export class EvaluationFailed extends Error {
  readonly error: EvaluateError;

  constructor(error: EvaluateError) {
    super(error.code);
    this.error = error;
  }
}

export type EvaluateOptions = {
  signal?: AbortSignal;
  /** Told of a block's bytes when nothing looks at them any more, so that a reader who owns them can free them at once. */
  release?: (bytes: Uint8Array) => void;
};
