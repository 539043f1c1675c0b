import { type Consumer, defineConsumer, done } from "@cos/messaging";
import { type ChainEvent, Stage } from "@cos/proto/chain";
import { chainEvents } from "@cos/topics";
import { type ApplyDeps, applyChainEvent, type StagedEffect } from "../app/apply-chain-event.ts";
import { chainEffect } from "../domain/chain-effect.ts";
import { hexOf } from "./grpc/wire.ts";

const stages = new Map<number, StagedEffect["stage"]>([
  [Stage.STAGE_CONFIRMED, "CONFIRMED"],
  [Stage.STAGE_FINALIZED, "FINALIZED"],
  [Stage.STAGE_RETRACTED, "RETRACTED"],
]);

/** Moves jobs by what the chain says. */
export const chainConsumer = (deps: ApplyDeps): Consumer<ChainEvent> =>
  defineConsumer({
    name: "orchestrator.follow-chain",
    topic: chainEvents,
    handle: async (event, _delivery, tx) => {
      const stage = stages.get(event.stage);
      if (!stage || !event.event) throw new Error("an event without a stage that this reader knows");
      const effect = chainEffect(event.event);
      if (!effect) return done;
      const logKey = `${event.chainId}:${hexOf(event.blockHash)}:${event.logIndex}`;
      const position = { block: Number(event.blockNumber), logIndex: event.logIndex };
      await applyChainEvent(deps, tx, { effect, stage, logKey, position });
      return done;
    },
  });
