import type { Result } from "@cos/protocol";
import type { KeyState } from "../domain/key-schedule.ts";
import type { Refusal } from "../domain/refusal.ts";

/** A key as operators see it. Times in Unix seconds. */
export type KeyView = {
  /** Empty for a key that a dry run did not make. */
  readonly kid: string;
  readonly state: KeyState;
  readonly signsFrom: number;
  readonly endsAt: number | undefined;
};

export type RotateKeys = {
  /** Only says what would happen. */
  readonly dryRun: boolean;
  /** The present keys are in wrong hands: they are dropped at once. */
  readonly compromised: boolean;
};

/** The gateway's signing keys, which operators look at and rotate. */
export type SigningKeys = {
  /** Oldest first. */
  list(): KeyView[];
  /**
   * Publishes a new key, which signs once every verifier had time to fetch it.
   * @errors `ROTATION_PENDING` while an earlier new key does not sign yet, unless keys are compromised
   */
  rotate(wish: RotateKeys): Promise<Result<KeyView[], Refusal>>;
};
