import type { SharedMemory } from "@cos/programs";

/** Sizes are rounded up to this, so that blocks of about the same size share buffers. */
const granule = 64 * 1024;

/**
 * Memory for blocks that come and go: fresh memory costs page faults and collections, more than the sums themselves. It is
 * shared with the threads that compute, because a buffer that is given away counts as fresh garbage on both sides.
 * @param keepBytes most memory that waits for its next use
 */
export function createBufferPool(keepBytes: number): SharedMemory {
  const spare: SharedArrayBuffer[] = [];
  let spareBytes = 0;
  return {
    take: (bytes) => {
      // The smallest that fits, or blocks would take the buffers of larger ones, and those find none. And never one of more
      // than twice the size: a small block must not hold a large one's memory.
      let at = -1;
      for (const [i, { byteLength }] of spare.entries()) {
        const fits = byteLength >= bytes && byteLength <= 2 * bytes + granule;
        if (fits && byteLength <= (spare[at]?.byteLength ?? Number.POSITIVE_INFINITY)) at = i;
      }
      const [found] = at < 0 ? [] : spare.splice(at, 1);
      spareBytes -= found?.byteLength ?? 0;
      const buffer = found ?? new SharedArrayBuffer(Math.ceil(bytes / granule) * granule);
      return new Uint8Array(buffer, 0, bytes);
    },
    give: (buffer) => {
      spare.push(buffer);
      spareBytes += buffer.byteLength;
      while (spareBytes > keepBytes) spareBytes -= spare.shift()?.byteLength ?? 0;
    },
  };
}
