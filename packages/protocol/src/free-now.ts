/**
 * Frees the memory of an array that is all of its buffer, at once. The garbage collector is slow to see such memory, and
 * runs the more often for it.
 */
export function freeNow({ buffer, byteLength }: ArrayBufferView): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
