/** The node's answer cannot be used: try again, or another node. */
export class ChainReadError extends Error {
  readonly code: ChainReadErrorCode;
  constructor(code: ChainReadErrorCode, options?: ErrorOptions) {
    super(code, options);
    this.name = "ChainReadError";
    this.code = code;
  }
}

export type ChainReadErrorCode =
  /** The node did not answer, or answered with an error. */
  | "NODE_FAILED"
  /** A block or receipt lacks a field that it must have, or the field is not of its kind. */
  | "FIELD_MISSING"
  /** The node does not know the block any more: a reorganisation, or another node behind the same address. */
  | "BLOCK_GONE"
  /** The header's fields do not hash to the block's hash. */
  | "HEADER_FORGED"
  /** Receipts or logs are missing or from elsewhere: the page is truncated, or does not give what the header commits to. */
  | "LOGS_INCOMPLETE";

export function fail(code: ChainReadErrorCode): never {
  throw new ChainReadError(code);
}
