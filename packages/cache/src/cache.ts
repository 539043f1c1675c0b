import type { BucketRule } from "./token-bucket.ts";

/** Whether a token was taken; if not, whole seconds until as many are there again. */
export type Taken = { readonly allowed: boolean; readonly retryAfterSeconds: number };

/**
 * What may be forgotten at any moment: token buckets, and copies of what lies elsewhere. Nothing is right because it is
 * in here, and nothing that must be counted once (a nonce, a ticket) may rely on it.
 */
export interface Cache {
  /** Takes tokens from a bucket that is full when it is first named. Never throws: without its server it counts alone. */
  take(bucket: string, rule: BucketRule, cost?: number): Promise<Taken>;
  /**
   * The value under a key: the kept copy, or what `load` gives, kept for `ttlSeconds`. What was loaded while the key was
   * invalidated is handed to its caller and not kept. Without its server every call loads.
   * @param load its value goes through JSON; what it throws is thrown here, and nothing is kept
   */
  remember<T>(key: string, ttlSeconds: number, load: () => Promise<T>): Promise<T>;
  /**
   * Forgets copies. While the server cannot be reached it remembers to do so; other processes may then see a copy until
   * its time is over, so no copy is kept of what gives permission.
   */
  invalidate(keys: readonly string[]): Promise<void>;
  /** @throws when the server does not answer */
  ping(): Promise<void>;
  close(): Promise<void>;
}
