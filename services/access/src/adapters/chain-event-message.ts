import { type OutgoingMessage, toMessage } from "@cos/messaging";
import { chainEvents } from "@cos/topics";
import type { PublishMode, StagedLog } from "../app/mirror-store.ts";
import { stageOf, toChainEvent } from "./store/log-codec.ts";

/**
 * The message of a log at a stage. Its id is the log's identity and stage, and how often the log was retracted before:
 * a block that comes back after a reorganisation is news again.
 */
export function chainEventMessage(
  chainId: bigint,
  { log, stage, retractions }: StagedLog,
  mode: PublishMode,
  traceparent?: string,
): OutgoingMessage {
  const messageId = `chain:${chainId}:${log.blockHash}:${log.logIndex}:${stage}:${retractions}`;
  return toMessage(chainEvents, toChainEvent(chainId, log, stageOf[stage]), {
    messageId,
    producer: "access",
    mode,
    ...(traceparent === undefined ? {} : { traceparent }),
  });
}
