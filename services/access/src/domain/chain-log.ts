import type { ChainEvent } from "@cos/proto/chain";

/** What a log says: the cases of `cos.chain.v1.ChainEvent`. */
export type ChainFact = NonNullable<ChainEvent["event"]>;

/** A mirrored log of one of the COS contracts. Identity: (block hash, log index). */
export type ChainLog = {
  readonly blockNumber: number;
  /** 32 bytes, hex. */
  readonly blockHash: string;
  /** Unix seconds of the block. */
  readonly blockTime: number;
  readonly transactionHash: string;
  readonly logIndex: number;
  /** Name of the contract in the deployment, such as `JobPermits`. */
  readonly contract: string;
  readonly fact: ChainFact;
};

/** Lower-case `0x` hex of wire bytes. */
export const toHex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
