/**
 * Takes from a token bucket, as `takeTokens` does, by Redis' own clock.
 * KEYS: the bucket. ARGV: capacity, tokens per second, cost. Answers 1 or 0, and milliseconds until there are enough.
 */
export const takeTokensScript = `
local capacity, per_second, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(bucket[1]) or capacity, tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * per_second / 1000)
local wait = 0
if tokens >= cost then
  tokens = tokens - cost
else
  wait = math.ceil((cost - tokens) / per_second * 1000)
end
redis.call('HSET', KEYS[1], 'tokens', string.format('%.6f', tokens), 'at', string.format('%.0f', math.max(now, at)))
redis.call('PEXPIRE', KEYS[1], math.ceil((capacity - tokens) / per_second * 1000) + 1000)
return { wait == 0 and 1 or 0, wait }`;

/**
 * Keeps a copy unless its key was invalidated since the generation that was read before loading.
 * KEYS: the copy, its generation. ARGV: the generation as read ('' if none), the copy, seconds to keep it.
 */
export const keepCopyScript = `
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`;
