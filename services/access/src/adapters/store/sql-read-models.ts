import { ChainEvent } from "@cos/proto/chain";
import type { Db } from "@cos/store";
import type { ReadModelPage, ReadModelQueries } from "../../app/read-model-queries.ts";
import type { ChainLog } from "../../domain/chain-log.ts";
import type { Kind, ReadModels } from "../../domain/read-models.ts";
import type { Subject } from "../../domain/subjects-of.ts";
import { fromChainEvent } from "./log-codec.ts";
import { fromStateJson } from "./state-json.ts";

/** Reads of the mirror's rows. */
export const sqlReadModels = (db: Db): ReadModelQueries => ({
  get: async <K extends Kind>(kind: K, id: string) => {
    const { rows } = await db.query<{ state: unknown }>(
      "SELECT state FROM read_model WHERE kind = $1 AND id = $2",
      [kind, id],
    );
    return rows[0] && fromStateJson<ReadModels[K]>(rows[0].state);
  },

  list: async <K extends Kind>(kind: K, page: ReadModelPage) => {
    const [block, index] = page.before ?? [null, null];
    const { rows } = await db.query<{ state: unknown; since_block: bigint; since_index: number }>(
      `SELECT state, since_block, since_index FROM read_model
       WHERE kind = $1 AND ($2 = '' OR account = $2) AND ($3 = '' OR $3 = ANY (dataset_ids))
         AND ($4::bigint IS NULL OR (since_block, since_index) < ($4, $5))
       ORDER BY since_block DESC, since_index DESC LIMIT $6`,
      [kind, page.account, page.datasetId, block, index, page.limit],
    );
    return rows.map((row) => ({
      state: fromStateJson<ReadModels[K]>(row.state),
      at: [Number(row.since_block), row.since_index] as const,
    }));
  },

  unconfirmedLogsAbout: async ({ kind, id }) => {
    const { rows } = await db.query<{ event: Buffer }>(
      `SELECT l.event FROM log_about s JOIN chain_log l USING (block_number, log_index)
       WHERE s.kind = $1 AND s.id = $2 AND l.stage = 'seen' ORDER BY l.block_number, l.log_index`,
      [kind, id],
    );
    return rows.map(({ event }) => toLog(event));
  },

  // A dataset's or grant's trail holds the logs of its permits too, and a dataset's those of its grants.
  auditTrail: async ({ kind, id }: Subject) => {
    const { rows } = await db.query<{ event: Buffer; stage: "confirmed" | "finalized" }>(
      `WITH about AS (
         SELECT $1::text AS kind, $2::text AS id
         UNION
         SELECT other.kind, other.id FROM log_about own
         JOIN log_about other USING (block_number, log_index)
         WHERE own.kind = $1 AND own.id = $2
           AND (($1 = 'dataset' AND other.kind IN ('grant', 'permit')) OR ($1 = 'grant' AND other.kind = 'permit')))
       SELECT event, stage FROM chain_log
       JOIN (SELECT DISTINCT block_number, log_index FROM log_about JOIN about USING (kind, id)) AS place
         USING (block_number, log_index)
       WHERE stage <> 'seen' ORDER BY block_number, log_index`,
      [kind, id],
    );
    return rows.map(({ event, stage }) => ({ log: toLog(event), stage }));
  },

  mirroredBlockTime: async () => {
    const { rows } = await db.query<{ time: bigint | null }>(
      "SELECT block_time AS time FROM mirror_block ORDER BY number DESC LIMIT 1",
    );
    return Number(rows[0]?.time ?? 0n);
  },
});

const toLog = (event: Uint8Array): ChainLog => fromChainEvent(ChainEvent.decode(event));
