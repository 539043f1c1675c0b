import { ChainEvent, Stage } from "@cos/proto/chain";
import { appendOutbox, type Db, type Queryable, type Tx } from "@cos/store";
import type { MirroredBlock } from "../../app/chain-reader.ts";
import type { MirrorState, MirrorStore, MirrorTx, PublishMode, StagedLog } from "../../app/mirror-store.ts";
import type { ChainLog } from "../../domain/chain-log.ts";
import type { Kind, ReadModels, State } from "../../domain/read-models.ts";
import { type Subject, subjectsOf } from "../../domain/subjects-of.ts";
import { chainEventMessage } from "../chain-event-message.ts";
import { listKeysOf } from "./list-keys.ts";
import { fromChainEvent, toChainEvent } from "./log-codec.ts";
import { fromStateJson, toStateJson } from "./state-json.ts";

/** The mirror's rows in the service's schema. */
export const sqlMirrorStore = (db: Db): MirrorStore => ({
  inTransaction: (work) => db.inTransaction((tx) => work(new SqlMirrorTx(tx))),
  state: () => readState(db, ""),
  hashAt: async (number) => {
    const { rows } = await db.query<{ hash: string }>("SELECT hash FROM mirror_block WHERE number = $1", [
      number,
    ]);
    return rows[0]?.hash;
  },
  oldestBlock: async () => {
    const { rows } = await db.query<{ oldest: bigint | null }>(
      "SELECT min(number) AS oldest FROM mirror_block",
    );
    const oldest = rows[0]?.oldest ?? null;
    return oldest === null ? undefined : Number(oldest);
  },
});

class SqlMirrorTx implements MirrorTx {
  readonly #tx: Tx;
  constructor(tx: Tx) {
    this.#tx = tx;
  }

  lockCursor(): Promise<MirrorState | undefined> {
    return readState(this.#tx, "FOR UPDATE");
  }

  async saveCursor({ chainId, cursor, haltReason }: MirrorState): Promise<void> {
    await this.#tx.query(
      `INSERT INTO mirror_cursor
         (chain_id, mirrored_number, mirrored_hash, confirmed_number, finalized_number, halt_reason)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (only_row) DO UPDATE SET mirrored_number = $2, mirrored_hash = $3, confirmed_number = $4,
         finalized_number = $5, halt_reason = $6`,
      [
        chainId,
        cursor.mirrored.number,
        cursor.mirrored.hash,
        cursor.confirmedNumber,
        cursor.finalizedNumber,
        haltReason,
      ],
    );
  }

  async appendBlock({ number, hash, parentHash, time, logs }: MirroredBlock): Promise<void> {
    await this.#tx.query(
      "INSERT INTO mirror_block (number, hash, parent_hash, block_time) VALUES ($1, $2, $3, $4)",
      [number, hash, parentHash, time],
    );
    if (logs.length === 0) return;
    await this.#insertLogs(logs);
    await this.#insertSubjects(logs);
  }

  async #insertLogs(logs: readonly ChainLog[]): Promise<void> {
    const events = logs.map((log) =>
      Buffer.from(ChainEvent.encode(toChainEvent(0n, log, Stage.STAGE_UNSPECIFIED)).finish()),
    );
    await this.#tx.query(
      `INSERT INTO chain_log (block_hash, log_index, block_number, event, stage, retractions)
       SELECT l.block_hash, l.log_index, l.block_number, l.event, 'seen', coalesce(r.times, 0)
       FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[]) AS l (block_hash, log_index, block_number, event)
       LEFT JOIN retracted_log r ON r.block_hash = l.block_hash AND r.log_index = l.log_index`,
      [
        logs.map(({ blockHash }) => blockHash),
        logs.map(({ logIndex }) => logIndex),
        logs.map(({ blockNumber }) => blockNumber),
        events,
      ],
    );
  }

  async #insertSubjects(logs: readonly ChainLog[]): Promise<void> {
    const rows = logs.flatMap((log) => subjectsOf(log.fact).map((subject) => ({ ...log, ...subject })));
    await this.#tx.query(
      `INSERT INTO chain_log_subject (kind, id, block_hash, log_index)
       SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[]) ON CONFLICT DO NOTHING`,
      [
        rows.map(({ kind }) => kind),
        rows.map(({ id }) => id),
        rows.map(({ blockHash }) => blockHash),
        rows.map(({ logIndex }) => logIndex),
      ],
    );
  }

  confirmUpTo(number: number): Promise<readonly StagedLog[]> {
    return this.#raise("seen", "confirmed", number);
  }

  finalizeUpTo(number: number): Promise<readonly StagedLog[]> {
    return this.#raise("confirmed", "finalized", number);
  }

  async #raise(
    from: "seen" | "confirmed",
    to: "confirmed" | "finalized",
    upTo: number,
  ): Promise<StagedLog[]> {
    const { rows } = await this.#tx.query<LogRow>(
      `WITH raised AS (
         UPDATE chain_log SET stage = $2 WHERE stage = $1 AND block_number <= $3 RETURNING *)
       SELECT event, retractions FROM raised ORDER BY block_number, log_index`,
      [from, to, upTo],
    );
    return rows.map((row) => ({ log: toLog(row), stage: to, retractions: row.retractions }));
  }

  async removeAbove(number: number): Promise<readonly StagedLog[]> {
    const { rows } = await this.#tx.query<LogRow>(
      `WITH removed AS (DELETE FROM chain_log WHERE block_number > $1 RETURNING *)
       SELECT event, retractions FROM removed WHERE stage <> 'seen' ORDER BY block_number DESC, log_index DESC`,
      [number],
    );
    await this.#tx.query("DELETE FROM mirror_block WHERE number > $1", [number]);
    const removed = rows.map((row) => ({
      log: toLog(row),
      stage: "retracted" as const,
      retractions: row.retractions,
    }));
    await this.#countRetractions(removed);
    return removed;
  }

  async #countRetractions(removed: readonly StagedLog[]): Promise<void> {
    await this.#tx.query(
      `INSERT INTO retracted_log (block_hash, log_index, times)
       SELECT block_hash, log_index, 1 FROM unnest($1::text[], $2::int[]) AS l (block_hash, log_index)
       ON CONFLICT (block_hash, log_index) DO UPDATE SET times = retracted_log.times + 1`,
      [removed.map(({ log }) => log.blockHash), removed.map(({ log }) => log.logIndex)],
    );
  }

  async confirmedLogsAbout({ kind, id }: Subject): Promise<readonly ChainLog[]> {
    const { rows } = await this.#tx.query<LogRow>(
      `SELECT l.event, l.retractions FROM chain_log_subject s JOIN chain_log l USING (block_hash, log_index)
       WHERE s.kind = $1 AND s.id = $2 AND l.stage <> 'seen' ORDER BY l.block_number, l.log_index`,
      [kind, id],
    );
    return rows.map(toLog);
  }

  async loadModel<K extends Kind>(kind: K, id: string): Promise<ReadModels[K] | undefined> {
    const { rows } = await this.#tx.query<{ state: unknown }>(
      "SELECT state FROM read_model WHERE kind = $1 AND id = $2",
      [kind, id],
    );
    return rows[0] && fromStateJson<ReadModels[K]>(rows[0].state);
  }

  async saveModel<K extends Kind>(
    kind: K,
    id: string,
    state: ReadModels[K] | undefined,
    since: ChainLog | undefined,
  ): Promise<void> {
    if (state === undefined || since === undefined) {
      await this.#tx.query("DELETE FROM read_model WHERE kind = $1 AND id = $2", [kind, id]);
      return;
    }
    const { account, datasetIds } = listKeysOf(kind, state as State);
    await this.#tx.query(
      `INSERT INTO read_model (kind, id, state, since_block, since_index, account, dataset_ids)
       VALUES ($1, $2, $3, $4, $5, $6, $7)
       ON CONFLICT (kind, id) DO UPDATE SET state = $3, account = $6, dataset_ids = $7`,
      [kind, id, toStateJson(state as State), since.blockNumber, since.logIndex, account, datasetIds],
    );
  }

  async publish(chainId: bigint, logs: readonly StagedLog[], mode: PublishMode): Promise<void> {
    await appendOutbox(
      this.#tx,
      logs.map((staged) => chainEventMessage(chainId, staged, mode)),
    );
  }
}

type LogRow = { event: Buffer; retractions: number };

const toLog = ({ event }: Pick<LogRow, "event">): ChainLog => fromChainEvent(ChainEvent.decode(event));

async function readState(db: Queryable, lock: "" | "FOR UPDATE"): Promise<MirrorState | undefined> {
  const { rows } = await db.query<CursorRow>(
    `SELECT chain_id, mirrored_number, mirrored_hash, confirmed_number, finalized_number, halt_reason
     FROM mirror_cursor ${lock}`,
  );
  const row = rows[0];
  return (
    row && {
      chainId: row.chain_id,
      haltReason: row.halt_reason,
      cursor: {
        mirrored: { number: Number(row.mirrored_number), hash: row.mirrored_hash },
        confirmedNumber: Number(row.confirmed_number),
        finalizedNumber: Number(row.finalized_number),
      },
    }
  );
}

type CursorRow = {
  chain_id: bigint;
  mirrored_number: bigint;
  mirrored_hash: string;
  confirmed_number: bigint;
  finalized_number: bigint;
  halt_reason: string;
};
