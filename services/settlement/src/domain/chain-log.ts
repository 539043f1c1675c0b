import type { ChainEvent } from "@cos/proto/chain";

/** A log that the mirror published, as far as settlement looks at it. */
export type ChainLog = {
  readonly blockNumber: number;
  readonly blockHash: string;
  /** Unix seconds of the block. */
  readonly blockTime: number;
  readonly transactionHash: string;
  readonly logIndex: number;
  readonly fact: NonNullable<ChainEvent["event"]>;
};

/** Lower-case `0x` hex of wire bytes. */
export const toHex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;

/** A published event as a log. Throws for a case that this code does not know. */
export function toChainLog(event: ChainEvent): ChainLog {
  if (!event.event) throw new TypeError("a chain event without a known case");
  return {
    blockNumber: Number(event.blockNumber),
    blockHash: toHex(event.blockHash),
    blockTime: Number(event.blockTime),
    transactionHash: toHex(event.transactionHash),
    logIndex: event.logIndex,
    fact: event.event,
  };
}
