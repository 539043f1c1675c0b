import { getBytes, hexlify, keccak256 } from "ethers";

const bloomBytes = 256;

/**
 * The bloom filter that a block header or a receipt carries over its logs, as 0x-hex (256 bytes).
 * @source Ethereum yellow paper, section 4.3.1: three bits per address and topic, from the first six bytes of its keccak256
 */
export function bloomOf(
  logs: readonly { readonly address: string; readonly topics: readonly string[] }[],
): string {
  const bloom = new Uint8Array(bloomBytes);
  for (const { address, topics } of logs) {
    for (const entry of [address, ...topics]) {
      for (const bit of bitsOf(entry)) bloom[byteOf(bit)]! |= 1 << (bit & 7);
    }
  }
  return hexlify(bloom);
}

/** False when no log of `entry` (an address or a topic) can be under the bloom; true when there may be one. */
export function mayContain(bloom: string, entry: string): boolean {
  const bytes = getBytes(bloom);
  return bitsOf(entry).every((bit) => (bytes[byteOf(bit)]! & (1 << (bit & 7))) !== 0);
}

const bitsOf = (entry: string): number[] => {
  const hash = getBytes(keccak256(entry));
  return [0, 2, 4].map((at) => ((hash[at]! << 8) | hash[at + 1]!) & 0x7ff);
};
const byteOf = (bit: number): number => bloomBytes - 1 - (bit >> 3);
