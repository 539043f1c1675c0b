import type { Cache } from "./cache.ts";
import { type Bucket, takeTokens } from "./token-bucket.ts";

/**
 * The cache of one process. Each kind of entry is bounded; the one used least lately is forgotten first, which gives a
 * bucket's owner a full one again.
 * @param options.now Unix seconds
 */
export function localCache(options: { readonly now: () => number; readonly maxEntries?: number }): Cache {
  const { now, maxEntries = 100_000 } = options;
  const buckets = new Map<string, Bucket>();
  const copies = new Map<string, { readonly json: string; readonly until: number }>();
  /** One for each load that runs; `valid` turns false when its key is invalidated. */
  const loads = new Map<string, Set<{ valid: boolean }>>();

  return {
    take: async (name, rule, cost = 1) => {
      const { bucket, ...taken } = takeTokens(rule, buckets.get(name), cost, now());
      setLatest(buckets, name, bucket, maxEntries);
      return taken;
    },
    remember: async <T>(key: string, ttlSeconds: number, load: () => Promise<T>): Promise<T> => {
      const kept = copies.get(key);
      if (kept !== undefined && kept.until > now()) {
        setLatest(copies, key, kept, maxEntries);
        return JSON.parse(kept.json) as T;
      }
      const running = { valid: true };
      const others = loads.get(key) ?? new Set();
      loads.set(key, others.add(running));
      try {
        const value = await load();
        if (running.valid) {
          setLatest(copies, key, { json: JSON.stringify(value), until: now() + ttlSeconds }, maxEntries);
        }
        return value;
      } finally {
        others.delete(running);
        if (others.size === 0) loads.delete(key);
      }
    },
    invalidate: async (keys) => {
      for (const key of keys) {
        copies.delete(key);
        for (const running of loads.get(key) ?? []) running.valid = false;
      }
    },
    ping: async () => {},
    close: async () => {},
  };
}

function setLatest<V>(map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value as string);
}
