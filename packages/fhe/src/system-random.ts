const pool = new Uint8Array(4_096);
let left = 0;

/**
 * Fills `target` from the system's generator. SEAL asks for its seeds four bytes at a time, 16 times per encryption; each
 * call into the generator costs 1.5 microseconds, so 4 KiB are drawn at once. No byte is given out twice: what was taken
 * is wiped at once.
 */
export function fillRandom(target: Uint8Array): void {
  if (target.length > pool.length) {
    for (let at = 0; at < target.length; at += pool.length) fillRandom(target.subarray(at, at + pool.length));
    return;
  }
  if (left < target.length) {
    crypto.getRandomValues(pool);
    left = pool.length;
  }
  left -= target.length;
  const taken = pool.subarray(left, left + target.length);
  target.set(taken);
  taken.fill(0);
}
