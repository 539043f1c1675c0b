import { isTlsRefusal, tlsRefusalOf } from "@cos/tls";
import pg from "pg";
import { StoreError } from "./db.ts";

/** SQLSTATEs after which the connection is of no use: it is gone, or leads to a server that does not serve. */
const lostStates = /^(08...|57P0[1-5]|53300|25P03|25006|58...)$/;
/** Serialization failure, deadlock: the same transaction may well succeed when it is run again. */
const conflictStates = new Set(["40001", "40P01"]);
const canceled = "57014";

/** What pg says, without a code, when the connection breaks under it. */
const lostMessages =
  /^(Connection terminated|Query read timeout|Client has encountered a connection error|Client was closed|timeout exceeded when trying to connect)/;
const networkCodes = /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN|ERR_SOCKET|ERR_SSL|EPROTO)/;

/** Whether the connection that this error came from must be thrown away. */
export function isConnectionLoss(error: unknown): boolean {
  if (error instanceof StoreError) return error.code === "STORE_LOST";
  if (error instanceof pg.DatabaseError) return lostStates.test(error.code ?? "");
  if (!(error instanceof Error)) return false;
  if (isTlsRefusal(error)) return true;
  const { code } = error as NodeJS.ErrnoException;
  return lostMessages.test(error.message) || (typeof code === "string" && networkCodes.test(code));
}

export const isConflict = (error: unknown): boolean =>
  error instanceof pg.DatabaseError && conflictStates.has(error.code ?? "");

/**
 * The typed failure for an error of pg's, so that a caller can tell "do it again" from a fault of its own. Errors that
 * are neither, such as a violated constraint, come back as they are (with their SQLSTATE in `code`).
 * @param during `commit`: whether the transaction stands is not known after a loss
 */
export function toStoreFailure(error: unknown, during: "work" | "commit" = "work"): unknown {
  if (error instanceof StoreError) return error;
  if (during === "work" && isTlsRefusal(error)) {
    return new StoreError(
      "STORE_UNTRUSTED",
      `no trust in the connection to the database: ${tlsRefusalOf(error)}`,
    );
  }
  if (isConnectionLoss(error)) {
    return during === "commit"
      ? new StoreError("STORE_IN_DOUBT", "the database was lost while committing", { cause: error })
      : new StoreError("STORE_UNAVAILABLE", "the database cannot be reached", { cause: error });
  }
  if (error instanceof pg.DatabaseError && error.code === canceled) {
    return new StoreError("STORE_TIMEOUT", "a statement took too long", { cause: error });
  }
  return error;
}
