import { ChainEvent, Stage } from "@cos/proto/chain";
import { appendOutbox, type Tx } from "@cos/store";
import type { MirroredBlock } from "../../app/chain-reader.ts";
import type {
  Heights,
  MirrorState,
  MirrorTx,
  ModelChange,
  PublishMode,
  Staged,
  StagedLog,
} from "../../app/mirror-store.ts";
import type { ChainLog } from "../../domain/chain-log.ts";
import type { State } from "../../domain/read-models.ts";
import { type Subject, subjectsOf } from "../../domain/subjects-of.ts";
import { chainEventMessage } from "../chain-event-message.ts";
import type { TraceOfLog } from "../telemetry.ts";
import { toChainEvent } from "./log-codec.ts";
import { type LogRow, toLog, toStaged } from "./log-rows.ts";
import { readState } from "./read-state.ts";
import { loadModels, saveModels } from "./sql-models.ts";

/** The mirror's rows inside one transaction. */
export class SqlMirrorTx implements MirrorTx {
  readonly #tx: Tx;
  readonly #traceOf: TraceOfLog;
  constructor(tx: Tx, traceOf: TraceOfLog) {
    this.#tx = tx;
    this.#traceOf = traceOf;
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

  async raise(heights: Heights): Promise<Staged> {
    const raise = async (from: string, to: "confirmed" | "finalized", upTo: number) => {
      const { rows } = await this.#tx.query<LogRow>(
        `WITH raised AS (
           UPDATE chain_log SET stage = $2
           WHERE stage = $1 AND stage <> 'finalized' AND block_number <= $3 RETURNING *)
         SELECT event, retractions FROM raised ORDER BY block_number, log_index`,
        [from, to, upTo],
      );
      return rows.map((row) => toStaged(row, to));
    };
    const confirmed = await raise("seen", "confirmed", heights.confirmed);
    return { confirmed, finalized: await raise("confirmed", "finalized", heights.finalized) };
  }

  async appendBlocks(blocks: readonly MirroredBlock[], heights: Heights): Promise<Staged> {
    if (blocks.length === 0) return { confirmed: [], finalized: [] };
    await this.#tx.query(
      `INSERT INTO mirror_block (number, hash, parent_hash, block_time)
       SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[])`,
      [
        blocks.map(({ number }) => number),
        blocks.map(({ hash }) => hash),
        blocks.map(({ parentHash }) => parentHash),
        blocks.map(({ time }) => time),
      ],
    );
    const logs = blocks.flatMap((block) => block.logs);
    if (logs.length === 0) return { confirmed: [], finalized: [] };
    const retractions = await this.#retractionsOf(blocks.map(({ hash }) => hash));
    const placed = logs.map((log) => ({ log, retractions: retractions.get(placeOf(log)) ?? 0 }));
    await this.#insertLogs(placed, heights);
    await this.#insertSubjects(logs);
    const upTo = (height: number, stage: "confirmed" | "finalized") =>
      placed.filter(({ log }) => log.blockNumber <= height).map((each) => ({ ...each, stage }));
    return {
      confirmed: upTo(heights.confirmed, "confirmed"),
      finalized: upTo(heights.finalized, "finalized"),
    };
  }

  /** How often each log of these blocks was retracted before; those that never were are left out. */
  async #retractionsOf(blockHashes: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const { rows } = await this.#tx.query<{ block_hash: string; log_index: number; times: number }>(
      "SELECT block_hash, log_index, times FROM retracted_log WHERE block_hash = ANY ($1)",
      [blockHashes],
    );
    return new Map(
      rows.map((row) => [placeOf({ blockHash: row.block_hash, logIndex: row.log_index }), row.times]),
    );
  }

  async #insertLogs(
    placed: readonly { readonly log: ChainLog; readonly retractions: number }[],
    { confirmed, finalized }: Heights,
  ): Promise<void> {
    const stageAt = (height: number) =>
      height <= finalized ? "finalized" : height <= confirmed ? "confirmed" : "seen";
    await this.#tx.query(
      `INSERT INTO chain_log (block_hash, log_index, block_number, event, stage, retractions)
       SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::bytea[], $5::text[], $6::int[])`,
      [
        placed.map(({ log }) => log.blockHash),
        placed.map(({ log }) => log.logIndex),
        placed.map(({ log }) => log.blockNumber),
        placed.map(({ log }) =>
          Buffer.from(ChainEvent.encode(toChainEvent(0n, log, Stage.STAGE_UNSPECIFIED)).finish()),
        ),
        placed.map(({ log }) => stageAt(log.blockNumber)),
        placed.map(({ retractions }) => retractions),
      ],
    );
  }

  async #insertSubjects(logs: readonly ChainLog[]): Promise<void> {
    const rows = logs.flatMap((log) => subjectsOf(log.fact).map((subject) => ({ ...subject, log })));
    await this.#tx.query(
      `INSERT INTO log_about (kind, id, block_number, log_index)
       SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::int[]) ON CONFLICT DO NOTHING`,
      [
        rows.map(({ kind }) => kind),
        rows.map(({ id }) => id),
        rows.map(({ log }) => log.blockNumber),
        rows.map(({ log }) => log.logIndex),
      ],
    );
  }

  async removeAbove(number: number): Promise<readonly StagedLog[]> {
    const { rows } = await this.#tx.query<LogRow>(
      `WITH removed AS (DELETE FROM chain_log WHERE block_number > $1 RETURNING *)
       SELECT event, retractions FROM removed WHERE stage <> 'seen' ORDER BY block_number DESC, log_index DESC`,
      [number],
    );
    await this.#tx.query("DELETE FROM log_about WHERE block_number > $1", [number]);
    await this.#tx.query("DELETE FROM mirror_block WHERE number > $1", [number]);
    const removed = rows.map((row) => toStaged(row, "retracted"));
    await this.#tx.query(
      `INSERT INTO retracted_log (block_hash, log_index, times)
       SELECT block_hash, log_index, 1 FROM unnest($1::text[], $2::int[]) AS l (block_hash, log_index)
       ON CONFLICT (block_hash, log_index) DO UPDATE SET times = retracted_log.times + 1`,
      [removed.map(({ log }) => log.blockHash), removed.map(({ log }) => log.logIndex)],
    );
    return removed;
  }

  async confirmedLogsAbout({ kind, id }: Subject): Promise<readonly ChainLog[]> {
    const { rows } = await this.#tx.query<LogRow>(
      `SELECT l.event, l.retractions FROM log_about a JOIN chain_log l USING (block_number, log_index)
       WHERE a.kind = $1 AND a.id = $2 AND l.stage <> 'seen' ORDER BY l.block_number, l.log_index`,
      [kind, id],
    );
    return rows.map(toLog);
  }

  loadModels(subjects: readonly Subject[]): Promise<readonly { subject: Subject; state: State }[]> {
    return loadModels(this.#tx, subjects);
  }

  saveModels(changes: readonly ModelChange[]): Promise<void> {
    return saveModels(this.#tx, changes);
  }

  async publish(chainId: bigint, logs: readonly StagedLog[], mode: PublishMode): Promise<void> {
    await appendOutbox(
      this.#tx,
      logs.map((staged) => chainEventMessage(chainId, staged, mode, this.#traceOf(staged))),
    );
  }
}

const placeOf = ({ blockHash, logIndex }: Pick<ChainLog, "blockHash" | "logIndex">): string =>
  `${blockHash}:${logIndex}`;
