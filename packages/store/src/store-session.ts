import { EventEmitter } from "node:events";
import type { StoreLock } from "./db.ts";

/** What a store keeps between statements: who listens to what, and who holds which lock. Names are `schema.name`. */
export interface StoreSession {
  listen(topic: string, listener: () => void): () => void;
  /** Wakes the listeners of these topics, here at once and elsewhere as soon as may be. */
  announce(topics: readonly string[]): void;
  tryLock(name: string): Promise<StoreLock | undefined>;
  close(): Promise<void>;
}

/** The session of a store that no other process has open. */
export function localSession(): StoreSession {
  const signals = new EventEmitter().setMaxListeners(0);
  const held = new Map<string, StoreLock>();
  const never = new AbortController().signal;
  return {
    listen: (topic, listener) => {
      signals.on(topic, listener);
      return () => signals.off(topic, listener);
    },
    announce: (topics) => {
      for (const topic of topics) signals.emit(topic);
    },
    tryLock: async (name) => {
      if (held.has(name)) return undefined;
      const lock: StoreLock = {
        lost: never,
        release: async () => {
          if (held.get(name) === lock) held.delete(name);
        },
      };
      held.set(name, lock);
      return lock;
    },
    close: async () => {},
  };
}
