import { OpsServiceService, type DeadLetter as WireLetter } from "@cos/proto/ops";
import { type GrpcService, grpcService, RpcFault, requireServiceToken } from "@cos/service-host";
import {
  countDeadLetters,
  type Db,
  type DeadLetter,
  listDeadLetters,
  outboxStatus,
  readDeadLetter,
  retryDeadLetter,
} from "@cos/store";

/** What a service has to say about itself beyond what every service has. Never a secret, an id of a person or a sample. */
export type StatusFacts = Readonly<Record<string, string | number | bigint | boolean>>;

export type OpsServiceOptions = {
  /** Name of the service, such as `access`. */
  readonly service: string;
  /** The service's schema: outbox and dead letters. */
  readonly db: Db;
  readonly serviceToken: string;
  readonly facts?: () => StatusFacts | Promise<StatusFacts>;
  readonly onBug?: (rpc: string, error: unknown) => void;
};

const maxLetters = 1_000;
/** The largest number of a row; a larger one names none. */
const maxId = 2n ** 63n - 1n;

/** The operator's side of a service that keeps state: status, and messages that were put aside. One line in a `compose.ts`. */
export function opsService({ service, db, serviceToken, facts, onBug }: OpsServiceOptions): GrpcService {
  const letterOf = async (id: bigint): Promise<DeadLetter> => {
    const letter = id > maxId ? undefined : await readDeadLetter(db, id);
    if (!letter) throw new RpcFault("NOT_FOUND", "NO_SUCH_DEAD_LETTER", { id: id.toString() });
    return letter;
  };
  return grpcService(
    OpsServiceService,
    {
      getStatus: async () => {
        const [outbox, deadLetters, own] = await Promise.all([
          outboxStatus(db),
          countDeadLetters(db),
          facts?.() ?? {},
        ]);
        return {
          service,
          outboxUnsent: BigInt(outbox.unsent),
          outboxOldestSeconds: outbox.oldestAgeS,
          deadLetters: BigInt(deadLetters),
          facts: Object.entries(own).map(([name, value]) => ({ name, value: String(value) })),
        };
      },
      listDeadLetters: async ({ limit }) => {
        if (limit > maxLetters) throw new RpcFault("INVALID_ARGUMENT", "BAD_FIELD", { field: "limit" });
        const letters = await listDeadLetters(db, limit === 0 ? 100 : limit);
        return { deadLetters: letters.map(toWire) };
      },
      getDeadLetter: async ({ id }) => ({ deadLetter: toWire(await letterOf(id)) }),
      retryDeadLetter: async ({ id, dryRun }) => {
        const letter = await letterOf(id);
        const sent = dryRun || (await db.inTransaction((tx) => retryDeadLetter(tx, id)));
        if (!sent) throw new RpcFault("NOT_FOUND", "NO_SUCH_DEAD_LETTER", { id: id.toString() });
        return { deadLetter: toWire(letter) };
      },
    },
    { guard: requireServiceToken(serviceToken), ...(onBug && { onBug }) },
  );
}

const toWire = (letter: DeadLetter): WireLetter => ({
  id: letter.id,
  consumer: letter.consumer,
  topic: letter.topic,
  key: letter.key,
  messageId: letter.messageId,
  reason: letter.reason,
  createdAt: letter.createdAt,
  producer: letter.headers.producer,
  payloadBytes: BigInt(letter.payload.length),
});
