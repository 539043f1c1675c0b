import { type Consumer, defineConsumer, done } from "@cos/messaging";
import type { JobEvent } from "@cos/proto/compute";
import { asPermitId, assertNever } from "@cos/protocol";
import type { Tx } from "@cos/store";
import { jobEvents } from "@cos/topics";
import { toHex } from "../domain/chain-log.ts";
import { toJobNews } from "../domain/job-outcome.ts";
import { newsChannel } from "./follow-chain.ts";
import type { SettlementStore } from "./ports.ts";

/** Keeps how jobs end. What is owed for it is decided later, from all that is known then. */
export const followJobs = (storeIn: (tx: Tx) => SettlementStore): Consumer<JobEvent> =>
  defineConsumer({
    name: "settlement.follow-jobs",
    topic: jobEvents,
    handle: async ({ jobId, event }, _delivery, tx) => {
      if (!event) throw new TypeError("a job event without a known case");
      const permitId = asPermitId(toHex(jobId));
      const news = toJobNews(event);
      const store = storeIn(tx);
      switch (news.kind) {
        case "outcome":
          await store.saveOutcome(permitId, news.outcome);
          break;
        case "doubt":
          await store.doubtPermit(permitId);
          break;
        case "nothing":
          return done;
        default:
          return assertNever(news);
      }
      tx.notify(newsChannel);
      return done;
    },
  });
