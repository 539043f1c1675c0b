import { ChainEvent } from "@cos/proto/chain";
import type { LogStage, StagedLog } from "../../app/mirror-store.ts";
import type { ChainLog } from "../../domain/chain-log.ts";
import { fromChainEvent } from "./log-codec.ts";

/** A log as it is stored. */
export type LogRow = { event: Buffer; retractions: number };

export const toLog = ({ event }: Pick<LogRow, "event">): ChainLog => fromChainEvent(ChainEvent.decode(event));

export const toStaged = (row: LogRow, stage: LogStage): StagedLog => ({
  log: toLog(row),
  stage,
  retractions: row.retractions,
});
