import type { ChainLog } from "../domain/chain-log.ts";
import type { BlockLink } from "../domain/mirror-cursor.ts";

/** The chain, read block by block. Every method throws when the node fails or answers what cannot be true. */
export interface ChainReader<B extends BlockLink = BlockLink> {
  chainId(): Promise<bigint>;
  /** The newest block that the node knows. */
  head(): Promise<B>;
  /** The newest final block; undefined while there is none. */
  finalized(): Promise<B | undefined>;
  /** The block at a height on the node's present chain; undefined above its head. */
  blockAt(number: number): Promise<B | undefined>;
  /** All logs of the COS contracts in exactly this block. Throws on a failed, empty or truncated page. */
  logsOf(block: B): Promise<readonly ChainLog[]>;
}

/** A block with the logs of the COS contracts in it. */
export type MirroredBlock = BlockLink & { readonly logs: readonly ChainLog[] };
