import { type DecodedLog, logDecoder } from "@cos/chain";
import type { MessageLog } from "@cos/messaging";
import { toMessage } from "@cos/messaging";
import { ChainEvent, Stage } from "@cos/proto/chain";
import { chainEvents } from "@cos/topics";
import type { Log } from "ethers";
import type { World } from "./world.ts";

/**
 * The mirror as settlement sees it: what the access service publishes for the logs that settlement looks at, made from
 * the same chain. `sync` publishes what is new, and retracts what a reorganisation removed.
 */
export function testMirror(world: World, log: MessageLog) {
  const decode = logDecoder(world.addresses);
  let known = new Map<string, ChainEvent>();
  let count = 0;
  return {
    sync: async () => {
      const logs = await world.provider.getLogs({ fromBlock: 0, toBlock: "latest" });
      const present = new Map<string, ChainEvent>();
      for (const each of logs) {
        const decoded = decode(each);
        const event = decoded && toEvent(decoded);
        if (!event) continue;
        const id = `${each.blockHash}:${each.index}`;
        const time = await blockTime(world, each.blockHash);
        present.set(id, known.get(id) ?? toChainEvent(world.chainId, each, time, event));
      }
      const gone = [...known].filter(([id]) => !present.has(id)).reverse();
      const fresh = [...present].filter(([id]) => !known.has(id));
      const staged = [
        ...gone.map(([, event]) => ({ ...event, stage: Stage.STAGE_RETRACTED })),
        ...fresh.map(([, event]) => ({ ...event, stage: Stage.STAGE_CONFIRMED })),
      ];
      const messages = staged.map((event) =>
        toMessage(chainEvents, event, { messageId: `test-mirror:${count++}`, producer: "test-mirror" }),
      );
      await log.publish(messages);
      known = present;
    },
    /** Loses its memory, as a mirror whose database was lost: the next sync tells everything again. */
    forget: () => {
      known = new Map();
    },
  };
}

const times = new Map<string, number>();

/** Unix seconds of a block; asked once. */
async function blockTime(world: World, hash: string): Promise<number> {
  const known = times.get(hash);
  if (known !== undefined) return known;
  const time = (await world.provider.getBlock(hash))?.timestamp ?? 0;
  times.set(hash, time);
  return time;
}

const toChainEvent = (chainId: bigint, log: Log, time: number, event: object): ChainEvent =>
  ChainEvent.fromPartial({
    chainId,
    blockNumber: BigInt(log.blockNumber),
    blockHash: bytes(log.blockHash),
    blockTime: BigInt(time),
    transactionHash: bytes(log.transactionHash),
    logIndex: log.index,
    event,
  } as object);

const bytes = (hex: unknown): Buffer => Buffer.from(String(hex).slice(2), "hex");
const text = String;
type Args = Readonly<Record<string, unknown>>;
const numbers = (value: unknown): bigint[] => Array.from(value as Iterable<bigint>);

function toEvent({ contract, event }: DecodedLog): object | undefined {
  const a = event?.args;
  switch (a && `${contract}.${event?.name}`) {
    case "JobPermits.JobPermitIssued": {
      const { terms, fees } = a as unknown as { terms: Args; fees: Args };
      return of("jobPermitIssued", {
        permitId: bytes(a?.permitId),
        grantee: bytes(a?.grantee),
        operator: bytes(terms.operator),
        expiry: terms.expiry,
        graceEnds: fees.graceEnds,
        challengeWindowSeconds: terms.challengeWindow,
        releaseWindowSeconds: terms.releaseWindow,
        replicas: Number(terms.replicas),
        fee: text(fees.total),
        computeShare: text(fees.compute),
        authorShare: text(fees.author),
        workFee: text(fees.work),
        datasets: numbers(terms.datasetIds).map((datasetId, index) => ({
          datasetId: text(datasetId),
          grantId: text(numbers(terms.grantIds)[index]),
          version: Number(numbers(terms.datasetVersions)[index]),
          dataShare: text(numbers(fees.data)[index]),
        })),
      });
    }
    case "JobPermits.JobResult":
      return of("jobResultPosted", {
        permitId: bytes(a?.permitId),
        resultCommitment: bytes(a?.commitment),
        challengeEnds: a?.challengeEnds,
      });
    case "JobPermits.JobAccepted":
      return of("jobAccepted", {
        permitId: bytes(a?.permitId),
        releaseBy: a?.releaseBy,
        computeShare: text(a?.compute),
        authorShare: text(a?.author),
      });
    case "JobPermits.JobReleased":
      return of("jobReleased", {
        permitId: bytes(a?.permitId),
        datasetId: text(a?.datasetId),
        complete: a?.complete,
        dataShare: text(a?.dataShare),
      });
    case "JobPermits.JobLapsed":
      return of("jobLapsed", { permitId: bytes(a?.permitId), refunded: text(a?.toGrantee) });
    case "JobPermits.JobRefunded":
      return of("jobRefunded", {
        permitId: bytes(a?.permitId),
        refunded: text(a?.toGrantee),
        workFee: text(a?.workFee),
      });
    case "AccessACL.Granted": {
      const { clauses } = a as unknown as { clauses: Args };
      return of("accessGranted", {
        grantId: text(a?.grantId),
        purposeHash: bytes(clauses.purposeHash),
        auditEachUse: clauses.auditEachUse,
      });
    }
    case "AccessACL.Revoked":
      return of("accessRevoked", { grantId: text(a?.grantId), datasetId: text(a?.datasetId) });
    case "Settlement.FeeLocked":
      return of("feeLocked", {
        key: bytes(a?.key),
        payer: bytes(a?.payer),
        token: bytes(a?.token),
        amount: text(a?.amount),
      });
    case "Settlement.Credited":
      return of("credited", {
        key: bytes(a?.key),
        account: bytes(a?.account),
        token: bytes(a?.token),
        amount: text(a?.amount),
      });
    case "Settlement.Withdrawn":
      return of("withdrawn", {
        account: bytes(a?.account),
        token: bytes(a?.token),
        to: bytes(a?.to),
        amount: text(a?.amount),
      });
    default:
      return undefined;
  }
}

const of = ($case: string, value: object): object => ({ $case, value });
