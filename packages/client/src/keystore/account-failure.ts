import { assertNever } from "@cos/protocol";
import { CosFailure } from "../failure.ts";
import type { AccountError } from "./account.ts";

/** An account's error in words. */
export function accountFailure(error: AccountError): CosFailure {
  switch (error.code) {
    case "BAD_ACCOUNT_NAME":
      return new CosFailure("usage", error.code, `'${error.name}' cannot name an account`, {
        hint: "use lower-case letters, digits, dot, dash or underscore",
      });
    case "ACCOUNT_EXISTS":
      return new CosFailure("usage", error.code, `there is an account '${error.name}' already`, {
        hint: "choose another name; keys are never overwritten",
      });
    case "ACCOUNT_UNKNOWN":
      return new CosFailure("not-found", error.code, `there is no account '${error.name}' in this keystore`, {
        hint: `make one with: cos keys new --account ${error.name}`,
      });
    case "ACCOUNT_REMOTE":
      return new CosFailure("refused", error.code, `a remote signer holds the key of '${error.name}'`, {
        hint: "owners of datasets use an account of this keystore: cos keys new",
      });
    case "ACCOUNT_MALFORMED":
      return new CosFailure("integrity", error.code, `the key file of '${error.name}' cannot be read`, {
        hint: "restore it from a recovery kit: cos keys restore KIT",
      });
    case "WRONG_PASSPHRASE":
      return new CosFailure("refused", error.code, "the passphrase does not open this key file", {
        hint: "check --passphrase-file or COS_PASSPHRASE",
      });
    default:
      return assertNever(error);
  }
}
