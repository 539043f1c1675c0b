import type { ConnectionOptions } from "node:tls";
import { clientTlsOptions, isTlsRefusal, type TlsMaterial, tlsRefusalOf } from "@cos/tls";
import { Redis } from "ioredis";
import type { Cache, Taken } from "./cache.ts";
import { localCache } from "./local-cache.ts";
import { keepCopyScript, takeTokensScript } from "./redis-scripts.ts";
import type { BucketRule } from "./token-bucket.ts";

export type RedisCacheOptions = {
  /** `redis://[user:password@]host:port[/number]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Before every key, so that deployments can share a server. */
  readonly prefix?: string;
  /** For `rediss://`: without it a public authority must have certified the server. */
  readonly tls?: TlsMaterial;
  /** A command that takes longer counts as a failure. */
  readonly commandTimeoutMs?: number;
  /** Told when the server stops answering (`lost`, and why) and when it answers again (`found`). */
  readonly onState?: (state: "lost" | "found", reason?: CacheError["code"]) => void;
  /** Told of every command that failed. */
  readonly onFailure?: () => void;
};

/**
 * - `CACHE_UNTRUSTED`: the server's certificate is not to be believed, or it did not believe ours, or it speaks no TLS
 * - `CACHE_UNAVAILABLE`: it does not answer
 */
export class CacheError extends Error {
  readonly code: "CACHE_UNTRUSTED" | "CACHE_UNAVAILABLE";
  constructor(code: CacheError["code"], message: string) {
    super(`${code}: ${message}`);
    this.name = "CacheError";
    this.code = code;
  }
}

export interface RedisCache extends Cache {
  /** @throws CacheError when the server does not answer */
  ping(): Promise<void>;
}

/** After a failure the server is left alone for so long, so that one that hangs does not slow every call down. */
const restMs = 1_000;
/** Generations outlive every load by far. */
const generationSeconds = 3_600;
/** Invalidations that wait for the server; beyond this the oldest copies run out by themselves. */
const maxWaiting = 10_000;

/**
 * The cache that the processes of a cluster share. It never waits for Redis longer than a command may take: without it,
 * limits are counted per process and copies are loaded. It connects, and reconnects, by itself.
 * @throws TypeError for a URL that is not of that form, or that is not `rediss://` though TLS is set
 */
export function openRedisCache(options: RedisCacheOptions): RedisCache {
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  const good = url && /^rediss?:$/.test(url.protocol) && url.search === "" && url.hash === "";
  if (!good) throw new TypeError("the cache's URL is not redis(s)://[user:password@]host:port[/number]");
  if (options.tls && url.protocol !== "rediss:") {
    throw new TypeError("the cache's URL is redis://, and TLS is set for it");
  }
  return new SharedCache(options, url.protocol === "rediss:");
}

class SharedCache implements RedisCache {
  readonly #redis: Redis;
  readonly #alone: Cache;
  readonly #prefix: string;
  readonly #options: RedisCacheOptions;
  readonly #waiting = new Set<string>();
  #restUntil = 0;
  #lost = false;
  /** Why there is no connection, as far as is known; undefined while there is one. */
  #trouble: Error | undefined;

  constructor(options: RedisCacheOptions, secure: boolean) {
    this.#options = options;
    this.#prefix = options.prefix ?? "cos:";
    this.#alone = localCache({ now: () => Date.now() / 1000 });
    const { commandTimeoutMs = 250 } = options;
    this.#redis = new Redis(options.url, {
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      maxRetriesPerRequest: 0,
      commandTimeout: commandTimeoutMs,
      connectTimeout: 2_000,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (times) => Math.min(2_000, 50 * 2 ** times),
      ...(secure ? { tls: tlsOptions(options.tls ?? {}) } : {}),
    });
    this.#redis.on("error", (error: Error) => {
      // Commands fail by themselves, and are counted there. A refused certificate often shows as a reset only.
      if (isTlsRefusal(error) || isUnreachable(error)) this.#trouble = error;
    });
    this.#redis.on("ready", () => {
      this.#trouble = undefined;
      this.#restUntil = 0;
      void this.#flush();
    });
  }

  async take(bucket: string, rule: BucketRule, cost = 1): Promise<Taken> {
    const answer = await this.#ask(() =>
      this.#redis.eval(
        takeTokensScript,
        1,
        `${this.#prefix}b:${bucket}`,
        rule.capacity,
        rule.perSecond,
        cost,
      ),
    );
    if (answer === unanswered) return this.#alone.take(bucket, rule, cost);
    const [allowed, waitMs] = answer as [number, number];
    return { allowed: allowed === 1, retryAfterSeconds: Math.ceil(waitMs / 1000) };
  }

  async remember<T>(key: string, ttlSeconds: number, load: () => Promise<T>): Promise<T> {
    if (this.#waiting.has(key)) return load();
    const [copyKey, generationKey] = this.#keys(key);
    const found = await this.#ask(() => this.#redis.mget(copyKey, generationKey));
    if (found === unanswered) return load();
    const [copy, generation] = found;
    if (copy) return JSON.parse(copy) as T;
    const value = await load();
    if (this.#waiting.has(key)) return value;
    await this.#ask(() =>
      this.#redis.eval(
        keepCopyScript,
        2,
        copyKey,
        generationKey,
        generation ?? "",
        JSON.stringify(value),
        ttlSeconds,
      ),
    );
    return value;
  }

  async invalidate(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#waiting.add(key);
    await this.#flush();
    for (const key of this.#waiting) {
      if (this.#waiting.size <= maxWaiting) break;
      this.#waiting.delete(key);
    }
  }

  async ping(): Promise<void> {
    try {
      await this.#redis.ping();
    } catch {
      throw this.#failure();
    }
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
  }

  #failure(): CacheError {
    return isTlsRefusal(this.#trouble)
      ? new CacheError("CACHE_UNTRUSTED", `no trust in the connection: ${tlsRefusalOf(this.#trouble)}`)
      : new CacheError("CACHE_UNAVAILABLE", "the server does not answer");
  }

  #keys(key: string): [string, string] {
    return [`${this.#prefix}c:${key}`, `${this.#prefix}g:${key}`];
  }

  /** Carries out the invalidations that wait; those that fail go on waiting. */
  async #flush(): Promise<void> {
    const keys = [...this.#waiting];
    if (keys.length === 0) return;
    const commands = this.#redis.multi();
    for (const key of keys) {
      const [copyKey, generationKey] = this.#keys(key);
      commands.incr(generationKey).expire(generationKey, generationSeconds).del(copyKey);
    }
    const done = await this.#ask(() => commands.exec());
    if (done !== unanswered) for (const key of keys) this.#waiting.delete(key);
  }

  async #ask<T>(command: () => Promise<T>): Promise<T | typeof unanswered> {
    if (performance.now() < this.#restUntil) return unanswered;
    try {
      const answer = await command();
      if (this.#lost) {
        this.#lost = false;
        this.#options.onState?.("found");
      }
      return answer;
    } catch {
      this.#restUntil = performance.now() + restMs;
      this.#options.onFailure?.();
      if (!this.#lost) {
        this.#lost = true;
        this.#options.onState?.("lost", this.#failure().code);
      }
      return unanswered;
    }
  }
}

const isUnreachable = (error: NodeJS.ErrnoException): boolean =>
  /^(ECONNREFUSED|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN)/.test(error.code ?? "");

/** ioredis copies the properties at each connection, so they must ask the material each time. */
const tlsOptions = (material: TlsMaterial): ConnectionOptions =>
  clientTlsOptions(material) as ConnectionOptions;

const unanswered = Symbol("the server did not answer");
