import { type Consumer, defineConsumer, done, park } from "@cos/messaging";
import { type ChainEvent, Stage } from "@cos/proto/chain";
import { asAddress, asDigest } from "@cos/protocol";
import type { Tx } from "@cos/store";
import { chainEvents } from "@cos/topics";
import type { ChainFact } from "../domain/chain-facts.ts";
import { barsEarlier } from "../domain/decide-issue.ts";
import type { Dependencies } from "./dependencies.ts";
import type { ChainLogId } from "./repositories.ts";

/** Wakes the deletion of superseded objects, after the commit. */
export const deletionsChannel = "deletions";

type Deps = Pick<Dependencies, "repositories" | "now" | "settings">;

/** Remembers the logs that tickets rest on, and closes running transfers whose ground is gone. */
export const mirrorAuthority = ({ repositories, now }: Deps): Consumer<ChainEvent> =>
  defineConsumer({
    name: "gateway.mirror-authority",
    topic: chainEvents,
    handle: async (event, _delivery, tx) => {
      const log = logIdOf(event);
      const fact = toChainFact(event);
      switch (event.stage) {
        case Stage.STAGE_CONFIRMED:
        case Stage.STAGE_FINALIZED: {
          const depth = event.stage === Stage.STAGE_FINALIZED ? "finalized" : "confirmed";
          if (fact !== undefined) await repositories.facts.record(tx, log, depth, fact);
          await closeTransfers(tx, event, repositories.transfers, now());
          if (fact?.type.startsWith("Dataset")) tx.notify(deletionsChannel);
          return done;
        }
        case Stage.STAGE_RETRACTED:
          await repositories.facts.retract(tx, log);
          return done;
        default:
          return park("STAGE_UNKNOWN");
      }
    },
  });

/**
 * Writes down that superseded objects must go: after a withdrawal or a changed consent those of earlier versions, after
 * the withdrawal of a dataset all of them. The work itself is done by `DeleteSuperseded`, again and again until it is.
 */
export const requestDeletions = ({ repositories, settings }: Deps): Consumer<ChainEvent> =>
  defineConsumer({
    name: "gateway.delete-superseded-objects",
    topic: chainEvents,
    handle: async ({ stage, event }, _delivery, tx) => {
      const isDeepEnough =
        stage === Stage.STAGE_FINALIZED ||
        (stage === Stage.STAGE_CONFIRMED && settings.deleteAt === "confirmed");
      if (!isDeepEnough || event === undefined) return done;
      if (event.$case === "datasetVersioned" && barsEarlier(event.value.reason)) {
        const { datasetId, version: barrier } = event.value;
        await repositories.deletions.request(tx, { datasetId, barrier });
        tx.notify(deletionsChannel);
      } else if (event.$case === "datasetStatusChanged" && event.value.status === "withdrawn") {
        await repositories.deletions.request(tx, { datasetId: event.value.datasetId, barrier: 0 });
        tx.notify(deletionsChannel);
      }
      return done;
    },
  });

/** A revocation stops what runs, not only what comes. */
async function closeTransfers(
  tx: Tx,
  { event }: ChainEvent,
  transfers: Dependencies["repositories"]["transfers"],
  now: number,
): Promise<void> {
  switch (event?.$case) {
    case "identityBurned":
    case "identityRecovered":
      return transfers.closeByIdentity(tx, event.value.sbtId, now);
    case "accessRevoked":
      return transfers.closeByGrant(tx, event.value.grantId, now);
    case "allAccessRevoked":
      return transfers.closeGrantsOfDataset(tx, event.value.datasetId, now);
    case "datasetStatusChanged":
      if (event.value.status === "active") return;
      return transfers.closeGrantsOfDataset(tx, event.value.datasetId, now);
    case "datasetVersioned":
      if (!barsEarlier(event.value.reason)) return;
      return transfers.closeGrantsOfDataset(tx, event.value.datasetId, now);
    case "datasetTransferred":
      return transfers.closeAllOfDataset(tx, event.value.datasetId, now);
    default:
      return;
  }
}

const logIdOf = ({ blockHash, blockNumber, logIndex }: ChainEvent): ChainLogId => ({
  blockHash: hex(blockHash),
  blockNumber,
  logIndex,
});

/** The logs that the gateway's decisions rest on; undefined for all others. */
function toChainFact({ event }: ChainEvent): ChainFact | undefined {
  switch (event?.$case) {
    case "identityMinted":
    case "identityRecovered": {
      const type = event.$case === "identityMinted" ? "IdentityMinted" : "IdentityRecovered";
      return { type, sbtId: event.value.sbtId, holder: address(event.value.holder) };
    }
    case "identityBurned":
      return { type: "IdentityBurned", sbtId: event.value.sbtId };
    case "datasetRegistered": {
      const { datasetId, sbtId, owner } = event.value;
      return { type: "DatasetRegistered", datasetId, sbtId, owner: address(owner) };
    }
    case "datasetVersioned": {
      const { datasetId, version, manifestUri, reason, manifestCommitment } = event.value;
      const commitment = asDigest(hex(manifestCommitment));
      return {
        type: "DatasetVersioned",
        datasetId,
        version,
        manifestUri,
        reason,
        manifestCommitment: commitment,
      };
    }
    case "datasetStatusChanged":
      return { type: "DatasetStatusChanged", datasetId: event.value.datasetId, status: event.value.status };
    case "datasetTransferred": {
      const { datasetId, owner } = event.value;
      return { type: "DatasetTransferred", datasetId, owner: address(owner) };
    }
    case "datasetOwnershipConfirmed": {
      const { datasetId, owner, sbtId } = event.value;
      return { type: "DatasetOwnershipConfirmed", datasetId, owner: address(owner), sbtId };
    }
    case "ticketsReserved": {
      const { sessionId, grantId, grantee, opMask: op, count, gateway } = event.value;
      return {
        type: "TicketsReserved",
        sessionId: asDigest(hex(sessionId)),
        grantId,
        grantee: address(grantee),
        op,
        count: Number(count),
        gateway: address(gateway),
      };
    }
    default:
      return undefined;
  }
}

const hex = (bytes: Uint8Array): string => `0x${Buffer.from(bytes).toString("hex")}`;
const address = (bytes: Uint8Array) => asAddress(hex(bytes));
