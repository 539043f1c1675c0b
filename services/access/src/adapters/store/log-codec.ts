import { type ChainEvent, Stage } from "@cos/proto/chain";
import type { LogStage } from "../../app/mirror-store.ts";
import { type ChainFact, type ChainLog, toHex } from "../../domain/chain-log.ts";

/** A mirrored log as the wire's message, at a stage. */
export const toChainEvent = (chainId: bigint, log: ChainLog, stage: Stage): ChainEvent => ({
  chainId,
  blockNumber: BigInt(log.blockNumber),
  blockHash: Buffer.from(log.blockHash.slice(2), "hex"),
  blockTime: BigInt(log.blockTime),
  transactionHash: Buffer.from(log.transactionHash.slice(2), "hex"),
  logIndex: log.logIndex,
  stage,
  contract: log.contract,
  event: log.fact,
});

/** The wire's message as a mirrored log. Throws for a case that this code does not know. */
export function fromChainEvent(event: ChainEvent): ChainLog {
  if (!event.event) throw new TypeError("a mirrored log without a known event");
  return {
    blockNumber: Number(event.blockNumber),
    blockHash: toHex(event.blockHash),
    blockTime: Number(event.blockTime),
    transactionHash: toHex(event.transactionHash),
    logIndex: event.logIndex,
    contract: event.contract,
    fact: event.event satisfies ChainFact,
  };
}

export const stageOf: Readonly<Record<LogStage, Stage>> = {
  confirmed: Stage.STAGE_CONFIRMED,
  finalized: Stage.STAGE_FINALIZED,
  retracted: Stage.STAGE_RETRACTED,
};
